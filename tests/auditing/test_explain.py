"""Explaining one prediction: credit adds up, the check is the datamodeling score, and what cannot be explained is said."""

import shutil

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import byheart as bh
from byheart.auditing.explain import explain
from byheart.errors import StepFailed
from byheart.ledger.base import Result
from byheart.ledger.sqlite import SqliteLedger
from byheart.maths.attribution.effect import unrolled
from byheart.records.reason import Reason
from byheart.study.explanation.query import Query
from byheart.study.steps import load_data
from byheart.training.members import balanced
from byheart.training.module_inputs import called_on
from byheart.training.record_member import recorded
from byheart.training.training import Training

MEMBERS = 24


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """80 easy examples of two classes; new example 0 is an exact copy of training example 5."""
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    x = (rng.normal(size=(80, 6)) + 2 * y[:, None]).astype(np.float32)
    test = (np.concatenate([x[5:6], x[60:70] + 0.1]), np.concatenate([y[5:6], y[60:70]]))
    settings = {"epochs": 3, "hidden": [8]}
    out = tmp_path_factory.mktemp("explain")
    return x, y, bh.audit((x, y), test=test, members=MEMBERS, settings=settings, out=out, say=lambda line: None)


def _inside(audit):
    """The data, subject and ledger behind an audit."""
    return load_data(audit._plan.draw.key, audit._ledger), audit._plan.subject, audit._ledger


def _fitted(audit, members):
    data, subject, _ = _inside(audit)
    return subject.learner.fit(data, members, Training((subject.learner.epochs,), trail=False))


def test_credit_adds_up_to_the_margin_of_the_model_trained_on_everything(audited):
    found = audited[2].explain(test=0)
    total = found.credit_total + found.decay + found.initial + found.centre + found.remainder
    assert total == pytest.approx(found.value, abs=1e-6)
    assert found.centre == 0
    assert abs(found.remainder) < 0.05 * max(1.0, abs(found.value))
    run = _fitted(audited[2], balanced(80, 1, 1.0, 0))
    assert found.value == pytest.approx(float(run.views["test"].margin[-1, 0, 0]), abs=1e-4)


def _effect(audit, view, row):
    """The effect (n,) again, step by step from two recorded runs."""
    data, subject, _ = _inside(audit)
    members = balanced(len(data.train), 1, 1.0, subject.seed)
    x = called_on(subject.learner, data, np.arange(len(data.train)))[view][row : row + 1]
    traces = [recorded(subject.learner, data, one)[1] for one in (members, members.reseeded())]
    pair = (x, data.views[view].y[row : row + 1])
    moments = min(20, len(traces[0]))
    return np.mean([unrolled(one, pair, moments=moments, hessian="gauss-newton")[0] for one in traces], 0)


def _within(saw, scores, outputs):
    """Spearman within members that saw an example and those that did not, averaged by their number less 3."""
    groups = [saw, ~saw]
    each = [spearmanr(scores[rows], outputs[rows]).statistic for rows in groups]
    return np.average(each, weights=[rows.sum() - 3 for rows in groups])


@pytest.mark.parametrize("view, row", [("test", 3), ("train", 7)])
def test_the_check_is_the_datamodeling_score_against_members_trained_again(audited, view, row):
    audit = audited[2]
    members = balanced(80, MEMBERS, 0.7, 0)
    run = _fitted(audit, members)
    tau = _effect(audit, view, row)
    outputs = run.views[view].margin[-1, :, row]
    if view == "test":
        expected, found = spearmanr(members.mask @ tau, outputs).statistic, audit.explain(test=row)
    else:
        tau[row] = 0.0  # others alone foretell others
        expected, found = _within(members.mask[:, row], members.mask @ tau, outputs), audit.explain(example=row)
    assert found.effect_score.value == pytest.approx(expected, abs=0.02)  # trained in a fleet: margins to rounding
    assert found.effect_score.n == MEMBERS
    assert found.effect_score.null == 0
    assert found.effect_score.interval[0] < expected < found.effect_score.interval[1]
    assert (found.effect_score.speaks_of, found.credit_score.speaks_of) == ("recipe", "run")
    top = [share.id for share in found.effect_for]
    assert top == np.argsort(-tau, kind="stable")[: len(top)].tolist()
    assert found.trainings == 2
    assert (found.own is None) == (view == "test")


def test_a_bank_that_is_gone_and_an_own_example_are_not_checked(audited):
    _, subject, ledger = _inside(audited[2])
    found = explain(ledger, audited[2]._plan.draw.key, subject, Query("test", 0))
    assert found.effect_score is None
    assert found.unchecked == Reason(code="gone")
    assert found.foretells is None
    own = audited[2].explain(audited[0][5])
    assert own.credit_score is None
    assert own.unchecked == Reason(code="yours")


@pytest.mark.parametrize("damage", ["forgotten", "torn"])
def test_a_damaged_chunk_of_the_bank_is_no_check(audited, tmp_path, damage):
    audit = audited[2]
    steps = [step.key for step in audit._plan.measure]
    key = next(step.key for step in audit._plan.train if step.about["share"] < 1)
    shutil.copytree(audit._ledger.folder, tmp_path / "ledger")
    ledger = SqliteLedger(tmp_path / "ledger")
    if damage == "forgotten":
        ledger.forget(key)
    else:
        kept = ledger.get(key)
        ledger.forget(key)
        ledger.put(key, Result(kept.document, {"seeds": kept.arrays["seeds"]}), ledger.about(key))
    asked = (audit._plan.draw.key, audit._plan.subject, Query("test", 1))
    found = explain(ledger, *asked, steps=steps)
    assert found.unchecked == Reason(code="gone")
    ledger.forget(key)
    ledger.put(key, audit._ledger.get(key), audit._ledger.about(key))
    assert explain(ledger, *asked, steps=steps).unchecked is None  # what was not checked is checked when it can be
    ledger.close()


def test_a_copy_is_the_nearest_and_helps(audited):
    found = audited[2].explain(test=0)
    assert found.neighbours[0].id == 5
    assert found.neighbours[0].value == pytest.approx(0.0, abs=1e-5)
    assert 5 in [share.id for share in (*found.effect_for, *found.credit_for)]


def test_a_training_example_is_not_its_own_neighbour(audited):
    assert 3 not in [share.id for share in audited[2].explain(example=3).neighbours]


def test_the_users_own_example_equals_the_same_one_of_the_test(audited):
    x, _, audit = audited
    own, known = audit.explain(x[5]), audit.explain(test=0)
    assert own.label == known.label
    assert own.value == pytest.approx(known.value, abs=1e-5)
    assert (own.view, own.label_known) == ("yours", False)
    assert own.notes == ("It equals training example 5 exactly.",)
    assert audit.explain(x[5] + 0.5).mark != own.mark


def test_the_same_question_is_answered_from_the_ledger(audited, monkeypatch):
    first = audited[2].explain(example=3)
    monkeypatch.setattr("byheart.training.record_member.recorded", None)
    assert audited[2].explain(example=3) == first


def _recordings(monkeypatch, stop_at=None):
    """Counts the trainings that are recorded; the `stop_at`-th is interrupted."""
    counted = []

    def counting(*args, **words):
        counted.append(args)
        if len(counted) == stop_at:
            raise KeyboardInterrupt
        return recorded(*args, **words)

    monkeypatch.setattr("byheart.training.record_member.recorded", counting)
    return counted


def test_a_stopped_explanation_goes_on_where_it_was(audited, monkeypatch):
    with monkeypatch.context() as patch:
        _recordings(patch, stop_at=2)
        with pytest.raises(KeyboardInterrupt):
            audited[2].explain(example=11)
    counted = _recordings(monkeypatch)
    found = audited[2].explain(example=11)
    assert (len(counted), found.trainings) == (1, 2)  # the first of the two was kept


def test_what_an_explanation_rests_on_is_in_the_ledger_by_kind(audited):
    x, _, audit = audited
    before = {kind: len(list(audit._ledger.keys(kind))) for kind in ("query", "explain", "check")}
    audit.explain(x[12] + 0.25)
    audit.explain(example=12)
    after = {kind: len(list(audit._ledger.keys(kind))) for kind in before}
    assert {kind: after[kind] - before[kind] for kind in before} == {"query": 1, "explain": 4, "check": 1}


def test_another_torch_is_another_question(audited, monkeypatch):
    audited[2].explain(example=4)
    monkeypatch.setattr("byheart.study.explanation.steps.installed", lambda name: "9.9.9")
    monkeypatch.setattr("byheart.training.record_member.recorded", None)
    with pytest.raises(StepFailed, match=r"TypeError.*tries it again"):
        audited[2].explain(example=4)


def test_a_dear_training_is_recorded_once(audited, monkeypatch):
    monkeypatch.setattr("byheart.study.explanation.credit_effect.CHEAP", 0)
    assert audited[2].explain(test=8).trainings == 1


@pytest.mark.parametrize("name, value", [("test", 0.7), ("example", True), ("example", np.bool_(False))])
def test_an_id_is_a_whole_number_or_a_name(audited, name, value, refused):
    with pytest.raises(bh.UsageError) as told:
        audited[2].explain(**{name: value})
    refused(told.value, f"a whole number or a name for {name}=", repr(value))


def test_an_id_may_be_of_numpy(audited):
    assert audited[2].explain(test=np.int64(3)) == audited[2].explain(test=3)


def test_a_training_example_is_not_among_the_others(audited, monkeypatch):
    monkeypatch.setattr("byheart.auditing.explain.SHOWN", 80)  # whatever has an effect is in one of the lists
    found = audited[2].explain(example=9)
    assert found.own.effect != 0
    assert 9 not in [share.id for share in (*found.effect_for, *found.effect_against)]
    assert 9 in [share.id for share in (*found.credit_for, *found.credit_against)]


def test_the_own_part_of_a_training_example_is_measured(audited):
    audit = audited[2]
    found, members = audit.explain(example=7), balanced(80, MEMBERS, 0.7, 0)
    outputs, saw = _fitted(audit, members).views["train"].margin[-1, :, 7], members.mask[:, 7]
    assert found.own.measured == pytest.approx(outputs[saw].mean() - outputs[~saw].mean(), abs=1e-4)
    error = np.sqrt(outputs[saw].var(ddof=1) / saw.sum() + outputs[~saw].var(ddof=1) / (~saw).sum())
    assert found.own.interval[1] - found.own.interval[0] > 2 * 1.96 * error - 1e-4
    assert (found.own.seen, found.own.unseen) == (saw.sum(), (~saw).sum())
    assert found.own.effect == pytest.approx(_effect(audit, "train", 7)[7], abs=1e-4)


@pytest.mark.parametrize("words", [{}, {"test": 0, "example": 1}])
def test_one_question_at_a_time(audited, words):
    with pytest.raises(bh.UsageError, match="one of x, test=ID and example=ID"):
        audited[2].explain(**words)


def test_an_unknown_id_and_a_wrong_x_are_refused(audited, refused):
    with pytest.raises(bh.UsageError, match="an id of the test view, 0 to 10"):
        audited[2].explain(test=99)
    for wrong, word in ((np.zeros(5), "shape"), (np.full(6, np.inf), "finite"), (np.array(["a"] * 6), "numbers"),
                        (np.full(6, np.nan), "6 missing (NaN) of 6")):  # fmt: skip
        with pytest.raises(bh.InputRefused) as told:
            audited[2].explain(wrong)
        refused(told.value, word)


def test_text_and_pictures_are_refused_where_the_data_are_neither(audited, tmp_path, refused):
    for given, word in (("words", "data of text"), (tmp_path / "a.png", "data of pictures")):
        with pytest.raises(bh.InputRefused) as told:
            audited[2].explain(given)
        refused(told.value, word)


def test_a_model_that_does_not_fit_is_refused_with_its_need(audited, monkeypatch, refused):
    monkeypatch.setattr("byheart.study.explanation.credit_effect.LIMIT_BYTES", 1000)
    with pytest.raises(bh.InputRefused) as told:
        audited[2].explain(test=5)
    refused(told.value, "weights and batches of")


def test_a_learner_without_steps_is_refused_by_name():
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(0)
    audit = bh.audit(
        (rng.normal(size=(60, 3)), np.arange(60) % 2), model=DecisionTreeClassifier(), members=8, say=lambda line: None
    )
    with pytest.raises(bh.InputRefused, match="our loop trains step by step"):
        audit.explain(example=int(audit._train()["train.ids"][0]))


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    """A linear model of 60 values around 1,000, trained by one step of gradient descent on all of them."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 3)).astype(np.float32)
    y = 1000 + 50 * x @ np.array([1.0, -2.0, 0.5]) + rng.normal(0, 5, 60)
    settings = {"epochs": 1, "batch": 64, "optimizer": "sgd", "lr": 0.3}
    out = tmp_path_factory.mktemp("linear")
    audit = bh.audit(
        (x, y), test=(x[:4] + 0.1, y[:4]), task="values", model=_one_layer, settings=settings, members=8, out=out,
        say=lambda line: None,
    )  # fmt: skip
    return x, y, audit


def _one_layer():
    return torch.nn.Linear(3, 1)


def test_credit_of_a_linear_model_after_one_step_is_its_closed_form(linear):
    x, y, audit = linear
    data, subject, _ = _inside(audit)
    found = audit.explain(test=2)
    _, trace = recorded(subject.learner, data, balanced(60, 1, 1.0, subject.seed))
    w = trace.weights(0).numpy().astype(float)
    query = data.views["test"].x[2]
    deviation, centre = y.std(), y.mean()
    errors = x @ w[:3] + w[3] - (y - centre) / deviation
    credit = -0.3 / 60 * deviation * errors * (x @ query + 1)
    first = deviation * (query @ w[:3] + w[3])
    assert found.credit_total == pytest.approx(credit.sum(), rel=1e-3)
    assert found.initial == pytest.approx(first, rel=1e-3)
    assert found.centre == pytest.approx(centre)
    assert found.value == pytest.approx(centre + first + credit.sum(), rel=1e-5)
    assert found.remainder == pytest.approx(0, abs=1e-2)
    order = np.argsort(-credit)[: len(found.credit_for)]
    assert [share.id for share in found.credit_for] == order.tolist()
    assert found.credit_for[0].value == pytest.approx(credit.max(), rel=1e-3)
    assert float(found.says) == pytest.approx(found.value, rel=1e-5)
    run = _fitted(audit, balanced(60, 1, 1.0, 0))
    assert found.value == pytest.approx(float(run.views["test"].logits[0, 2, 0]), rel=1e-5)


def test_values_are_checked_against_the_values_that_members_predict(linear):
    audit = linear[2]
    data, subject, _ = _inside(audit)
    members = balanced(60, 8, 0.7, 0)
    run = _fitted(audit, members)
    one = balanced(60, 1, 1.0, 0)
    query = (data.views["test"].x[2:3], np.zeros(1, np.float32))
    traces = [recorded(subject.learner, data, seed)[1] for seed in (one, one.reseeded())]
    # one step of gradient descent: one moment
    tau = np.mean([unrolled(trace, query, moments=1, hessian="exact")[0] for trace in traces], 0)
    expected = spearmanr(members.mask @ tau, run.views["test"].logits[:, 2, 0]).statistic
    assert audit.explain(test=2).effect_score.value == pytest.approx(expected, abs=1e-6)


def test_an_own_row_of_values_has_no_label(linear):
    found = linear[2].explain(linear[0][0])
    assert (found.label, found.label_known, found.kind) == ("", False, "values")
