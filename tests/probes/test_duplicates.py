"""Duplicates: planted copies, contradictions and leaks are found exactly, and named by the least id."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.neighbours import Neighbours
from byheart.learners.transformer import Transformer
from byheart.maths.memorisation.duplicates import leaks
from byheart.probes.memory.duplicates import Duplicates
from byheart.tasks.arrays import Arrays
from byheart.tasks.text import Text
from byheart.testing.probes import bank_of


def bank_with(x, y, x_test, y_test, task="classes", **options):
    return bank_of(Duplicates(), Arrays.of(x, y, x_test, y_test, task=task), Neighbours(), members=12, **options)


@pytest.fixture(scope="module")
def planted():
    """200 and 80 examples; 0 and 1 exact copies, 2 a near copy of them with another label; 5 new ones leak."""
    rng = np.random.default_rng(0)
    x, x_test = rng.normal(size=(200, 6)), rng.normal(size=(80, 6))
    y, y_test = (x[:, 0] > 0).astype(int), (x_test[:, 0] > 0).astype(int)
    x[1], y[1] = x[0], y[0]
    x[2], y[2] = x[0] + 1e-4, 1 - y[0]
    x_test[:3], y_test[:3] = x[50:53], y[50:53]
    x_test[3:5], y_test[3:5] = x[53:55] + 1e-4, 1 - y[53:55]
    return bank_with(x, y, x_test, y_test)


def test_what_is_planted_is_found_exactly(planted, card):
    finding, columns = Duplicates().measure(planted)
    q = finding.quantities
    assert q["duplicate_share"].value == 3 / 200
    assert q["contradicting"].value == 1
    assert q["leaked_share"].value == 5 / 80
    assert columns["copies"].tolist()[:4] == [2, 2, 2, 0]
    assert columns["copies"].sum() == 6
    assert len(set(columns["copy_group"][:3])) == 1
    assert any("Of these 2 with another label" in line for line in card(planted, finding).body)


def test_every_side_of_a_contradiction_and_every_leak_is_named(planted):
    """Both exact copies contradict the near one, though one pair stands for them; what we redrew contradicts nobody."""
    finding, columns = Duplicates().measure(planted)
    assert np.flatnonzero(columns["contradicts"]).tolist() == [0, 1, 2]
    ids, new = planted.data.train.ids, planted.data.views["test"].ids
    leaked = finding.tables["leaked"].rows()
    assert {(row["new"], row["copy_of"]): row["exact"] for row in leaked} == {
        (new[i], ids[50 + i]): i < 3 for i in range(5)
    }
    changed = np.arange(200) == 1
    for control in (changed, None):
        truth = replace(planted.data.truth, changed=changed, control=control)
        redrawn = replace(planted, data=replace(planted.data, truth=truth))
        assert np.flatnonzero(Duplicates().measure(redrawn)[1]["contradicts"]).tolist() == [0, 2]


def test_accuracy_without_leaked_is_that_of_the_others(planted):
    q = Duplicates().measure(planted)[0].quantities
    right = planted[planted.subject.bank()].views["test"].correct[-1]
    assert q["test_accuracy_with_leaked"].value == pytest.approx(right.mean())
    clean = q["test_accuracy_without_leaked"]
    assert clean.value == pytest.approx(right[:, 5:].mean())
    assert clean.n == 75
    assert clean.interval[0] < clean.value < clean.interval[1]


def test_pairs_are_shown_with_both_sides(planted, card):
    exhibits = card(planted, Duplicates().measure(planted)[0]).exhibits
    shown = {row.title.split(",")[0]: [[(one.view, one.id) for one in group.shown] for group in row.groups] for row in exhibits}
    ids, new = planted.data.train.ids, planted.data.views["test"].ids
    assert shown["Copies with different labels"] == [[("train", ids[0]), ("train", ids[2])]]
    assert shown["Copies within training"] == [[("train", ids[0]), ("train", ids[1])]]
    leaked = shown["New rows that are in training" if planted.noun() == "rows" else f"New {planted.noun()} that are in training"]
    assert {(pair[0], pair[1]) for pair in leaked} <= {(("test", new[i]), ("train", ids[50 + i])) for i in range(5)}
    assert len(leaked) == 4


def test_a_clean_set_has_none_and_says_so(card):
    rng = np.random.default_rng(3)
    x, x_test = rng.normal(size=(150, 5)), rng.normal(size=(40, 5))
    bank = bank_with(x, np.arange(150) % 3, x_test, np.arange(40) % 3)
    finding = Duplicates().measure(bank)[0]
    assert finding.quantities["duplicate_share"].value == 0
    assert finding.quantities["duplicate_share"].interval[1] > 0
    said = card(bank, finding)
    assert said.exhibits == ()
    assert any("No training" in line for line in said.body)


def test_discrete_columns_have_copies_by_chance():
    """Three columns of two words: nearly all rows repeat, and so they do when the columns are shuffled."""
    rng = np.random.default_rng(0)
    x, x_test = rng.integers(0, 2, (120, 3)).astype(float), rng.integers(0, 2, (30, 3)).astype(float)
    q = Duplicates().measure(bank_with(x, np.arange(120) % 2, x_test, np.arange(30) % 2))[0].quantities
    assert q["duplicate_share"].value == 1
    assert q["duplicate_share"].null == 1
    assert "test_accuracy_without_leaked" not in q  # everything leaked


def test_values_have_no_contradictions_and_an_r2():
    rng = np.random.default_rng(0)
    x, x_test = rng.normal(size=(100, 4)), rng.normal(size=(40, 4))
    x_test[0] = x[0]
    finding = Duplicates().measure(bank_with(x, x[:, 0], x_test, x_test[:, 0], task="values"))[0]
    assert "contradicting" not in finding.quantities
    error = Duplicates().measure(bank_with(x, x[:, 0], x_test, x_test[:, 0], task="values"))[0].quantities
    assert error["test_r2_without_leaked"].n == 39
    assert finding.quantities["leaked_share"].value == 1 / 40


def test_passages_are_judged_in_bits_a_token(card):
    """A text whose first new passages are training passages: the members need fewer bits there, and that is said."""
    task = Text(n=64, n_test=20, window=32)
    data = task.draw(0)
    bank = bank_of(Duplicates(), task, Transformer(width=8, epochs=2, batch=16), members=6)
    test = replace(data.views["test"], x=np.concatenate([data.train.x[:5], data.views["test"].x[5:]]))
    bank = replace(bank, data=replace(data, views={**data.views, "test": test}))
    finding = Duplicates().measure(bank)[0]
    assert finding.quantities["leaked_share"].value >= 5 / 20
    bits = bank[bank.subject.bank()].views["test"].loss_nats[-1] / np.log(2) / (test.y >= 0).sum(1)
    assert finding.quantities["test_bits_a_token_with_leaked"].value == pytest.approx(bits.mean(), rel=1e-5)
    clean = finding.quantities["test_bits_a_token_without_leaked"]
    found = leaks(data.train.x, test.x, *bank.data.laid_out("test"), bank.data.copies).source >= 0
    assert clean.value == pytest.approx(bits[:, ~found].mean(), rel=1e-5)
    assert clean.better == "low"
    assert 3 < clean.null < np.log2(data.output.k)  # tokens by their frequencies
    assert any(line.startswith("Code length per token on new passages without these") for line in card(bank, finding).body)


def test_no_r2_is_said_where_a_few_values_carry_the_variance():
    rng = np.random.default_rng(0)
    x, x_test = rng.normal(size=(100, 4)), rng.normal(size=(40, 4))
    found = Duplicates().measure(bank_with(x, np.exp(6 * x[:, 0]), x_test, np.exp(6 * x_test[:, 0]), task="values"))[0]
    assert "leaked_share" in found.quantities
    assert not any("r2" in name for name in found.quantities)


def test_the_chart_is_the_share_at_most_that_far_beside_a_cloud_without_copies(planted, card):
    finding = Duplicates().measure(planted)[0]
    chart, kept = card(planted, finding).charts[0], planted.data.copies
    training, new, cloud = chart.lines
    exact = np.bincount(kept.exact)[kept.exact] > 1
    for x, y in list(zip(training.x, training.y))[::15]:
        assert y == pytest.approx((exact | (kept.ratio <= x)).mean())
    known = leaks(planted.data.train.x, planted.data.views["test"].x, *planted.data.laid_out("test"), kept).ratio
    assert new.y[0] == pytest.approx((known <= new.x[0]).mean())
    assert (training.y[-1], new.y[-1], cloud.y[-1]) == (1, 1, 1)
    assert chart.rules[0].at == kept.threshold
    assert chart.table.rows[0] == ("0.01", "1.50\u202f%", "6.25\u202f%")
    assert chart.table.rows[-1] == ("1.00", "100.00\u202f%", "100.00\u202f%")


def test_pairs_without_their_labels_are_shown_by_ids(planted, card):
    """A document that hides examples keeps no label."""
    finding = Duplicates().measure(planted)[0]
    bare = {name: ranked.model_copy(update={"figures": {"exact": ranked.figures["exact"]}}) for name, ranked in finding.ranked.items()}
    first = card(planted, finding.model_copy(update={"ranked": bare})).exhibits[0]
    assert first.keys == ("which",)
    assert [len(one.lines) for one in first.groups[0].shown] == [1, 1]


def test_exact_copies_stand_at_the_left_end_of_the_chart(card):
    rng = np.random.default_rng(3)
    x, x_test = rng.normal(size=(150, 5)), rng.normal(size=(40, 5))
    x[1] = x[0]
    bank = bank_with(x, np.arange(150) // 2 % 3, x_test, np.arange(40) % 3)
    line = card(bank, Duplicates().measure(bank)[0]).charts[0].lines[0]
    assert (line.x[0], line.y[0]) == (0.01, pytest.approx(2 / 150))
