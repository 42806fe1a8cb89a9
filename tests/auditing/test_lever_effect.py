"""What does a lever move? The audit with it, beside the same recipe without it."""

from dataclasses import replace

import numpy as np
import pytest

import byheart as bh
from byheart.auditing import audit as front
from byheart.auditing import compare as comparing
from byheart.auditing.compare import compare
from byheart.cli.summary import summary
from byheart.engines.inline import Inline
from byheart.errors import StepFailed
from byheart.ledger.sqlite import SqliteLedger
from byheart.records.options import Options
from byheart.study.budget import cut
from byheart.study.costs import START
from byheart.study.plan import Settings, Trial
from byheart.study.session import Session
from byheart.tasks.arrays import Arrays

M, DECAY = 8, "weight-decay=10"
SETTINGS = {"epochs": 12, "hidden": 32, "batch": 16, "lr": 0.02}


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(180, 4))
    y = (x[:, 0] + x[:, 1] > 0).astype(int)
    return x, np.where(rng.random(180) < 0.2, 1 - y, y)


def audited(folder, said=None, **more):
    say = (said if said is not None else []).append
    return bh.audit(data(), members=M, settings=SETTINGS, device="cpu", out=folder, say=say, **more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lever")


@pytest.fixture(scope="module")
def said():
    return []


@pytest.fixture(scope="module")
def moved(folder, said):
    return audited(folder, said, levers=[DECAY])


def trained(folder):
    ledger = SqliteLedger(folder / "ledger")
    keys = list(ledger.keys("train"))
    ledger.close()
    return keys


def keeps(folder, key):
    ledger = SqliteLedger(folder / "ledger")
    about = ledger.about(key)
    ledger.close()
    return bool(about.get("keep"))


def test_decay_lowers_what_is_known_by_heart_and_the_headline_is_with_it(moved, said):
    effect = moved.lever_effect
    assert effect.pairing == "paired"
    by_heart = effect.found("memorised_bits_share")
    assert by_heart.difference.value < 0
    assert by_heart.matters
    bits = moved.findings["complexity/description-length"].quantities["memorised_bits_share"]
    assert by_heart.second == bits
    assert by_heart.first.value == pytest.approx(bits.value - by_heart.difference.value, abs=1e-9)
    assert any(line.startswith("Without weight-decay 10.0 (decoupled): ") and line.endswith("to do") for line in said)


def test_it_stands_on_the_page_and_in_the_terminal(moved, tmp_path):
    text = "\n".join(summary(moved.to_dict(), "page", "data"))
    assert "What moves    weight-decay 10.0 (decoupled) against the same recipe without it" in text
    assert text.count("By heart") == 2
    page = moved.save(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "What the <dfn" in page
    assert "with it less without it, on the same subsets and seeds" in page
    assert '<th scope="row">weight-decay 10.0 (decoupled)</th>' in page


def test_it_is_what_comparing_the_two_audits_says_and_nothing_is_trained_again(moved, folder):
    before = trained(folder)
    plain = audited(folder)
    # the baseline was the very training of the plain audit, but for models whose weights a plain audit keeps
    assert all(keeps(folder, key) for key in set(trained(folder)) - set(before))
    assert plain.lever_effect is None
    whole = compare(plain, moved)
    for one in moved.lever_effect.differences:
        assert whole.found(one.name) == one
    assert {one.name for one in whole.differences} == {one.name for one in moved.lever_effect.differences} | {"membership_auc"}


def test_without_a_baseline_nothing_else_is_trained(tmp_path, moved):
    alone = audited(tmp_path, levers=[DECAY], baseline=False)
    assert alone.lever_effect is None
    assert not any("lever" in row for row in alone.to_dict()["levers"])
    ledger = SqliteLedger(tmp_path / "ledger")
    learners = [(about["learner"]["name"], bool(about["levers"])) for key in ledger.keys("train") if (about := ledger.about(key))]
    ledger.close()
    assert ("mlp", False) not in learners
    told = []
    again = audited(tmp_path, told, levers=[DECAY])  # asked for later it is there, and the document is another
    assert again.lever_effect.differences == moved.lever_effect.differences
    assert audited(tmp_path, told, levers=[DECAY], baseline=False).lever_effect is None
    assert not any("Damaged" in line for line in told)


def test_a_baseline_that_cannot_be_trained_is_a_note_and_no_end(tmp_path, monkeypatch, moved):
    class Broken:
        ledger = SqliteLedger(tmp_path / "ledger")

        answers = None

        def trial(self):
            raise StepFailed(came="members 0 to 8 diverged", do="Lower lr.")

    monkeypatch.setattr(comparing, "without_levers", lambda session: Broken())
    found = audited(tmp_path, levers=[DECAY])
    assert found.lever_effect is None
    note = next(note for note in found.to_dict()["provenance"]["notes"] if "is not known" in note)
    assert note.startswith("What weight-decay 10.0 (decoupled) moves is not known")
    assert "diverged" in note


def request(**more):
    task = Arrays.of(*data())
    return front.make_request(task, None, Options(members=M, settings=SETTINGS, levers=(DECAY,), jobs=1, **more), "test")


def test_a_plan_counts_both(tmp_path):
    both, alone = (front.planned(request(no_baseline=no), tmp_path, SETTINGS) for no in (False, True))
    assert both["members_to_train"] == 2 * M + 1 + alone["members_to_train"] - M  # and the one model on everything
    assert both["steps"] > alone["steps"]
    assert both["to_do"] - alone["to_do"] == both["steps"] - alone["steps"]


class Asked(Exception):
    pass


def test_a_budget_pays_for_both(tmp_path, monkeypatch):
    def cut(session, trial, seconds, jobs, baseline):
        raise Asked(baseline)

    monkeypatch.setattr(front, "cut", cut)
    for more, both in ({"levers": [DECAY]}, True), ({"levers": [DECAY], "baseline": False}, False), ({}, False):
        with pytest.raises(Asked, match=str(both)):
            audited(tmp_path, budget="60s", **more)


def test_half_as_many_members_where_both_are_trained(tmp_path, monkeypatch):
    session = Session(replace(request().subject, members=64), (), tmp_path, Inline(), Settings())
    known = Trial("stacked", 4, 1.0)
    members = [cut(session, known, 48.0 + START, 1, both)[0].members for both in (False, True)]
    assert members == [36, 16]  # 48 s pay for 38.4 and 19.2 trainings, in chunks of 4
