"""Explaining one prediction: credit adds up, a twin comes first, and what cannot be explained is said."""

import numpy as np
import pytest

import byheart as bh
from byheart.report.explanation import render_explanation


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """80 easy examples of two classes; new example 0 is an exact copy of training example 5."""
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    x = (rng.normal(size=(80, 6)) + 2 * y[:, None]).astype(np.float32)
    test = (np.concatenate([x[5:6], x[60:70] + 0.1]), np.concatenate([y[5:6], y[60:70]]))
    settings = {"epochs": 3, "hidden": [8]}
    out = tmp_path_factory.mktemp("explain")
    return x, y, bh.audit((x, y), test=test, members=8, settings=settings, out=out, say=lambda line: None)


def test_credit_adds_up_to_the_margin(audited):
    found = audited[2].explain(test=0)
    total = found.credit_total + found.decay + found.initial + found.remainder
    assert total == pytest.approx(found.margin_nats, abs=1e-6)
    assert abs(found.remainder) < 0.05 * max(1.0, abs(found.margin_nats))


def test_a_copy_is_the_nearest_and_helps(audited):
    found = audited[2].explain(test=0)
    assert found.neighbours[0].id == 5
    assert found.neighbours[0].value == pytest.approx(0.0, abs=1e-5)
    assert 5 in [share.id for share in (*found.effect_for, *found.credit_for)]


def test_the_users_own_example_equals_the_same_one_of_the_test(audited):
    x, _, audit = audited
    own, known = audit.explain(x[5]), audit.explain(test=0)
    if own.label == known.label:
        assert own.margin_nats == pytest.approx(known.margin_nats, abs=1e-5)
    assert own.view == "yours"
    assert not own.label_known


def test_the_same_question_is_answered_from_the_ledger(audited, monkeypatch):
    first = audited[2].explain(example=3)
    monkeypatch.setattr("byheart.learners.recorded.recorded", None)
    assert audited[2].explain(example=3) == first


def test_the_page_escapes_and_repeats(audited):
    found = audited[2].explain(test=0)
    page = render_explanation(found)
    assert page == render_explanation(found)
    assert "Credit" in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize("words", [{}, {"test": 0, "example": 1}])
def test_one_question_at_a_time(audited, words):
    with pytest.raises(bh.UsageError, match="one of x, test=ID and example=ID"):
        audited[2].explain(**words)


def test_an_unknown_id_and_a_wrong_shape_are_refused(audited):
    with pytest.raises(bh.UsageError, match="an id of the test view, 0 to 10"):
        audited[2].explain(test=99)
    with pytest.raises(bh.InputRefused, match="one example of shape"):
        audited[2].explain(np.zeros(5))


def test_a_learner_without_steps_is_refused_by_name():
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(0)
    audit = bh.audit(
        (rng.normal(size=(60, 3)), np.arange(60) % 2), model=DecisionTreeClassifier(), members=8, say=lambda line: None
    )
    with pytest.raises(bh.InputRefused, match="our loop trains step by step"):
        audit.explain(test=int(audit.to_dict()["subject"]["n"] * 0))
