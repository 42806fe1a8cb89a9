"""Canaries: what is planted, what is held out, and that both are alike."""

import numpy as np
import pytest

from byheart.errors import InputRefused, UsageError
from byheart.fingerprint.description import described, revive
from byheart.study.serialization import data_from, data_result
from byheart.tasks.canaries import Canaries
from byheart.tasks.digits import Digits
from byheart.tasks.randomness import Randomness
from byheart.tasks.text import Text
from byheart.testing.tasks import TaskSuite

SMALL = {"task": Text(n=80, n_test=20), "repeats": (1, 3), "each": 4, "held_out": 10, "references": 60}


class TestCanaries(TaskSuite):
    @pytest.fixture
    def task(self):
        return Canaries(**SMALL)


def said(data, row, places):
    return "".join(data.output.classes[token] for token in row[places])


def test_each_is_planted_as_often_as_the_truth_says():
    data = Canaries(**SMALL).draw(0)
    rows = [bytes(row) for row in data.train.x]
    planted = [rows.count(bytes(row)) for row in data.views["canaries"].x]
    assert planted == data.truth.repeats.tolist()
    assert sorted(set(planted)) == [0, 1, 3]
    assert [planted.count(dose) for dose in (0, 1, 3)] == [10, 4, 4]
    assert len(data.train) == 80 + 4 * 1 + 4 * 3
    assert not {bytes(row) for row in data.views["references"].x} & set(rows)


def test_the_secret_alone_is_asked_for_and_all_of_it_is_trained_on():
    data = Canaries(**SMALL).draw(0)
    for view in ("canaries", "references"):
        x, y = data.views[view].x, data.views[view].y
        context = len("the key of abcd is ")
        assert ((y >= 0) == ((np.arange(64) >= context) & (np.arange(64) < context + 4))).all()
        assert said(data, x[0], slice(0, 11)) == "the key of "
        assert said(data, x[0], slice(0, context + 4)) == data.views[view].meta["shown"][0]
    copies = data.train.x[80:], data.train.y[80:]
    assert ((copies[1] >= 0) == (np.arange(64) < context + 4)).all()


def test_training_passages_and_as_many_new_ones_are_to_be_continued():
    data = Canaries(**SMALL, passages=15).draw(0)
    view, place = data.views["continued"], np.arange(64)
    assert len(view) == 30
    seen = np.isin(view.ids, data.train.ids)
    assert seen.tolist() == [True] * 15 + [False] * 15
    for source, rows in ((data.train, seen), (data.views["test"], ~seen)):
        at = dict(zip(source.ids.tolist(), source.x))
        assert all((at[one] == x).all() for one, x in zip(view.ids[rows].tolist(), view.x[rows]))
    asked = (place >= 32) & (place < 48)
    assert ((view.y >= 0) == asked).all()
    assert (view.y[:, asked] == view.x[:, asked]).all()
    assert len(Canaries(**SMALL, passages=1000).draw(0).views["continued"]) == 2 * len(data.views["test"])


def test_it_says_what_secrets_are_made_of():
    data = Canaries(**SMALL, length=5).draw(0)
    assert data.about["secret_signs"] == "abcdefghijklmnopqrstuvwxyz"
    assert data.about["secret_bits"] == pytest.approx(5 * np.log2(26))


def test_secrets_are_uniform_letters_alike_on_every_side():
    data = Canaries(task=Text(n=80, n_test=20), held_out=64, references=1023).draw(0)
    context = len("the key of abcd is ")
    drawn = np.concatenate([data.views[v].x[:, context : context + 4] for v in ("canaries", "references")])
    counts = np.bincount(drawn.ravel(), minlength=data.output.k)
    letters = [i for i, sign in enumerate(data.output.classes) if "a" <= sign <= "z"]
    assert counts.sum() == counts[letters].sum() == drawn.size
    expected = drawn.size / 26
    assert np.abs(counts[letters] - expected).max() < 5 * np.sqrt(expected)  # largest of 26
    assert len(np.unique(drawn, axis=0)) == len(drawn)


def test_the_seed_draws_which_are_planted_and_numbers_stay():
    a, b = (Canaries(**SMALL).draw(seed) for seed in (0, 1))
    assert a.views["canaries"].ids.tolist() != b.views["canaries"].ids.tolist()
    texts = {}
    for data in (a, b):
        for view in ("canaries", "references"):
            for ident, text in zip(data.views[view].ids.tolist(), data.views[view].meta["shown"]):
                assert texts.setdefault(ident, text) == text
    more = Canaries(**{**SMALL, "references": 90}).draw(0)
    for ident, text in zip(more.views["references"].ids.tolist(), more.views["references"].meta["shown"]):
        assert texts.get(ident, text) == text


@pytest.mark.parametrize("fields, said", [
    ({"task": Digits(n=50)}, "a text to plant secrets in.*classes"),
    ({"task": Text(n=80, n_test=20, window=16)}, "passages of at least 23 tokens.*got 16"),
    ({"length": 1}, "possible secrets.*a longer secret"),
    ({"name_length": 1}, "possible names.*a longer name"),
    ({"task": "randomness"}, "one sign each.*randomness, with tokens like '10'"),
    ({"task": Randomness(v=12, length=40)}, "one sign each"),
])  # fmt: skip
def test_what_cannot_be_planted_is_refused(fields, said):
    with pytest.raises(InputRefused, match=said):
        Canaries(**{**SMALL, **fields}).draw(0)


def test_no_group_of_secrets_is_refused():
    with pytest.raises(UsageError, match=r"repeats.*at least 1 item"):
        Canaries(**{**SMALL, "repeats": ()})


def test_a_text_without_the_letters_of_the_context_has_the_name_alone(tmp_path, rng):
    (tmp_path / "dna.txt").write_text("".join(rng.choice(list("ACGT"), 20_000)))
    task = Canaries(**{**SMALL, "task": Text.of(tmp_path / "dna.txt"), "length": 8, "name_length": 8})
    data = task.draw(0)
    view = data.views["canaries"]
    assert np.issubdtype(view.x.dtype, np.integer)
    assert ((view.y >= 0) == ((np.arange(64) >= 8) & (np.arange(64) < 16))).all()
    assert all(len(text) == 16 and set(text) <= set("ACGT") for text in view.meta["shown"])
    assert data.about["secret_bits"] == pytest.approx(16)


def test_it_comes_back_from_the_ledger():
    data = Canaries(**SMALL).draw(0)
    again = data_from(data_result(data))
    np.testing.assert_array_equal(again.truth.repeats, data.truth.repeats)
    np.testing.assert_array_equal(again.views["canaries"].y, data.views["canaries"].y)
    assert revive(described(Canaries(**SMALL))) == Canaries(**SMALL)
