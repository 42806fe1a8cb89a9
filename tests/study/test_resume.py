"""What is finished is never done twice, however often the work is stopped."""

import shutil

import pytest

import byheart.study.steps as steps
from byheart.auditing.audit import run as carry_out
from byheart.engines.inline import Inline, attempt
from byheart.errors import StepFailed
from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.ledger.base import Result
from byheart.ledger.sqlite import SqliteLedger
from byheart.probes.generalization.gap import Gap
from byheart.study.parse import every_probe
from byheart.study.plan import Settings
from byheart.study.session import Session


def _stopping(monkeypatch, after, lost):
    """An engine that is interrupted after `after` results; `lost` loses one more that was computed."""
    left = [after]

    def run(self, work, keys):
        for key in keys:
            if left[0] == 0 and not lost:
                raise KeyboardInterrupt
            done = attempt(work, key)
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            yield done

    monkeypatch.setattr(Inline, "run", run)


@pytest.fixture(scope="module")
def whole():
    """Documents of uninterrupted audits, by the name of their request."""
    return {}


@pytest.mark.parametrize("after, lost", [(0, True), (1, False), (2, True), (4, False), (6, True), (9, False)])
def test_an_interrupted_audit_goes_on(after, lost, tree, ran, timeless, whole, tmp_path, monkeypatch):
    if not whole:
        whole["tree"] = timeless(carry_out(tree(), tmp_path / "whole"))
        whole["steps"] = sorted(ran)
        ran.clear()
    with monkeypatch.context() as stop:
        _stopping(stop, after, lost)
        with pytest.raises(KeyboardInterrupt):
            carry_out(tree(), tmp_path / "out")
    first = list(ran)
    ran.clear()
    assert len(first) == after + lost
    again = carry_out(tree(), tmp_path / "out")
    finished = first[:after]
    assert not set(finished) & set(ran)
    assert sorted(finished + ran) == whole["steps"]
    assert timeless(again) == whole["tree"]
    ran.clear()
    assert carry_out(tree(), tmp_path / "out").to_dict() == again.to_dict()
    assert ran == []


def test_an_interrupt_while_the_document_is_made_loses_no_step(tree, ran, tmp_path, monkeypatch):
    def stopped(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as stop:
        stop.setattr("byheart.auditing.audit.document", stopped)
        with pytest.raises(KeyboardInterrupt):
            carry_out(tree(), tmp_path)
    assert ran
    ran.clear()
    assert carry_out(tree(), tmp_path).findings
    assert ran == []


def test_equal_needs_are_trained_once(tree, ran, tmp_path):
    audit = carry_out(tree(), tmp_path)
    trained = [key for kind, key in ran if kind == "train"]
    assert len(trained) == len(set(trained)) == len(audit._plan.train)
    assert len([kind for kind, _ in ran if kind == "draw"]) == 1


def _eights(step, ledger):
    """Fleets of eight, whatever the clock says."""
    return Result({"way": "stacked", "chunk": 8, "cpu_seconds_a_member": 0.01})


def test_more_members_train_only_what_is_new(network, ran, tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "_trial", _eights)
    carry_out(network(members=16), tmp_path)
    ran.clear()
    more = carry_out(network(members=24), tmp_path)
    own = [s.key for s in more._plan.train if s.about["learner"]["name"] == "mlp" and s.about["share"] < 1]
    assert len(own) == 3
    assert [key for kind, key in ran if kind == "train"].count(own[2]) == 1
    assert not {key for _, key in ran} & set(own[:2])


def test_pool_and_inline_leave_the_same_arrays(network, timeless, tmp_path):
    """Both start from one draw and one trial, for the way of training is chosen by time."""
    request = network()
    session = Session(request.subject, every_probe(), tmp_path / "one" / "ledger", Inline(), Settings())
    session.drawn()
    session.trial()
    session.ledger.close()
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    documents = []
    for folder, jobs in (("one", 1), ("two", 2)):
        audit = carry_out(network(jobs=jobs), tmp_path / folder)
        document = timeless(audit)
        assert document["provenance"].pop("jobs") == jobs
        documents.append(document)
    assert documents[0] == documents[1]
    one, two = (SqliteLedger(tmp_path / folder / "ledger") for folder in ("one", "two"))
    kinds = set()
    for step in audit._plan.steps:
        ours, theirs = one.get(step.key), two.get(step.key)
        assert set(ours.arrays) == set(theirs.arrays)
        assert all(ours.arrays[name].tobytes() == theirs.arrays[name].tobytes() for name in ours.arrays)
        kinds.add(step.kind)
    assert kinds == {"draw", "train", "measure"}
    one.close()
    two.close()


def _breaks(*given, **named):
    raise RuntimeError("no luck today")


def test_a_failed_rival_is_a_card_and_the_rest_is_there(tree, ran, timeless, tmp_path, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(Neighbours, "fit", _breaks)
        audit = carry_out(tree(), tmp_path)
    failed = {name for name, answer in audit.findings.items() if answer.status == "failed"}
    assert failed
    assert "memory/counterfactual" not in failed
    for name in failed:
        assert audit.findings[name].error == "RuntimeError: no luck today"
        assert audit.to_dict()["findings"][name]["status"] == "failed"
    assert audit.memorised(3)
    ran.clear()
    again = carry_out(tree(), tmp_path)
    assert {kind for kind, _ in ran} == {"train", "measure"}
    assert len([kind for kind, _ in ran if kind == "train"]) == 2  # one neighbour and ten
    assert not any(answer.status == "failed" for answer in again.findings.values())
    assert not any(found["status"] == "failed" for found in again.to_dict()["findings"].values())


def test_a_failed_question_is_a_card_and_is_asked_again(tree, ran, tmp_path, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(Gap, "measure", _breaks)
        audit = carry_out(tree(), tmp_path)
    assert [name for name, answer in audit.findings.items() if answer.status == "failed"] == [Gap.name]
    ran.clear()
    again = carry_out(tree(), tmp_path)
    assert [kind for kind, _ in ran] == ["measure"]
    assert again.findings[Gap.name].status == "measured"


def test_members_that_cannot_be_trained_are_tried_again(network, ran, tmp_path, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(steps, "_trial", _eights)
        broken.setattr(Mlp, "fit", _breaks)
        with pytest.raises(StepFailed, match=r"RuntimeError: no luck today.*tries it again"):
            carry_out(network(), tmp_path)
    ran.clear()
    assert carry_out(network(), tmp_path).findings
    assert {kind for kind, _ in ran} == {"train", "measure"}
