"""Explaining what is the user's own: bytes may be given divided, and what no model knows is refused."""

from dataclasses import replace

import numpy as np
import pytest

import byheart as bh
import byheart.maths.attribution.credit
from byheart.cli.explain import lines
from byheart.study.explanation.query import OWN, Query, query_of, with_query
from byheart.study.steps import load_data
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Classes


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """60 grey pictures of bytes, every fifth label redrawn by us, and an audit of them."""
    rng = np.random.default_rng(3)
    x = rng.integers(0, 200, (60, 6, 6)).astype(np.uint8)
    x[30:, 2:4, 2:4] = 255
    test = (np.concatenate([x[7:8], x[40:50]]), np.concatenate([[0], np.ones(10, int)]))
    settings = {"epochs": 3, "hidden": [8]}
    out = tmp_path_factory.mktemp("bytes")
    y = np.arange(60) // 30
    return x, bh.audit((x, y), test=test, flip=0.2, members=8, settings=settings, out=out, say=lambda line: None)


def test_bytes_are_answered_for_on_the_scale_of_training(pictures):
    x, audit = pictures
    own, known = audit.explain(x[7]), audit.explain(test=0)
    same = 1 if own.label == known.label else -1  # of two classes, one's margin is minus the other's
    assert own.value == pytest.approx(same * known.value, abs=1e-5)
    assert "It equals training image 7 exactly." in own.notes
    scaled = audit.explain(x[7].astype(np.float32) / np.float32(255))
    assert (scaled.mark, scaled.value) == (own.mark, own.value)


def test_a_tensor_that_wants_gradients_is_read(pictures):
    import torch

    x, audit = pictures
    given = torch.tensor(x[7].astype(np.float32) / np.float32(255), requires_grad=True)
    assert audit.explain(given).mark == audit.explain(x[7]).mark


@pytest.mark.parametrize("same", [lambda x: x.astype(int), lambda x: x.astype(float)])
def test_bytes_may_come_in_another_type(pictures, same):
    x, audit = pictures
    assert audit.explain(same(x[40])).mark == audit.explain(x[40]).mark


def test_numbers_between_bytes_are_refused(pictures, refused):
    with pytest.raises(bh.InputRefused) as told:
        pictures[1].explain(pictures[0][40] * 0.5 + 0.25)
    refused(told.value, "whole numbers from 0 to 255", "uint8")


@pytest.mark.parametrize("wrong", [lambda x: x.astype(int) * 3, lambda x: x * 255.0, lambda x: x / 255.0 - 300])
def test_a_picture_on_another_scale_is_refused(pictures, wrong, refused):
    with pytest.raises(bh.InputRefused) as told:
        pictures[1].explain(wrong(pictures[0][40]))
    refused(told.value, "on the scale of those in training, 0 to 255", "or in 0 to 1")


def test_a_redrawn_label_is_told(pictures):
    _, audit = pictures
    data = load_data(audit._plan.draw.key, audit._ledger)
    row = int(np.flatnonzero(data.truth.changed)[0])
    found = audit.explain(example=row)
    assert found.redrawn
    assert (found.label, found.clean) == (str(data.train.y[row]), str(data.truth.clean[row]))
    assert "redrawn by byheart" in lines(found)[0]
    shares = [*found.credit_for, *found.credit_against, *found.effect_for, *found.effect_against, *found.neighbours]
    assert all(share.changed == bool(data.truth.changed[share.id]) for share in shares)
    assert any(share.changed for share in shares)
    other = audit.explain(example=int(np.flatnonzero(~data.truth.changed)[0]))
    assert (other.redrawn, other.clean) == (False, "")


def test_credit_that_misses_what_training_changed_is_not_said_to_add_up(pictures, monkeypatch):
    found = pictures[1].explain(test=4)
    change = found.value - found.initial
    assert found.missed == pytest.approx(abs(found.remainder / change), rel=1e-3)
    assert "it adds up" in "\n".join(lines(found))
    real = byheart.maths.attribution.credit.path_credit
    monkeypatch.setattr("byheart.maths.attribution.credit.path_credit", lambda *args, **named: replace(real(*args, **named), relative=0.06))
    said = "\n".join(lines(pictures[1].explain(test=5)))
    assert "it adds up" not in said
    assert "Withheld: the remainder" in said


def _rows(x, **output):
    train = Examples(np.arange(len(x)), x, np.arange(len(x)) % 2)
    return Data({"train": train}, Classes(2, ("0", "1"), **output), Truth(), {})


def test_a_number_may_be_missing_where_one_is_missing_in_training():
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    x[1, 2] = np.nan
    made, mark, notes = with_query(_rows(x), query_of(x[1]))
    assert np.isnan(made.views["query"].x[0, 2])
    assert made.views["query"].ids.tolist() == [OWN]
    assert mark
    assert notes == ("It equals training example 1 exactly.",)
    with pytest.raises(bh.InputRefused, match=r"1 missing \(NaN\) of 3"):
        with_query(_rows(x), query_of([0.0, np.nan, 1.0]))


def test_rows_of_0_and_1_are_asked_by_such_rows_alone():
    x = np.eye(4, 3, dtype=np.float32)
    assert with_query(_rows(x), query_of([0.0, 1.0, 1.0]))[1]
    with pytest.raises(bh.InputRefused, match="0 and 1 alone, as in training"):
        with_query(_rows(x), query_of([0.0, 0.5, 1.0]))


def test_bytes_are_not_divided_where_the_task_did_not():
    x = np.full((4, 6, 6), 200, np.uint8)
    x[0, 0, 0] = 0
    made, _, notes = with_query(_rows(x, show="image"), Query(x=x[2]))
    assert made.views["query"].x.max() == 200
    assert notes == ("It equals training example 1 exactly.",)
