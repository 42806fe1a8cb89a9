"""What is asked of labels is asked of values too: pairs, order, residual noise, bits per value."""

import numpy as np
import pytest

from byheart.probes.complexity.value_bits import ValueBits
from byheart.probes.memory.influence import Pairs
from byheart.probes.memory.label_noise import Quadrant
from byheart.probes.memory.learning_order import Order
from byheart.records.formatting import interval_text, value_text
from byheart.report.cards import About, card_of
from byheart.training.members import balanced


def test_a_training_value_that_helps_a_new_one_is_named(make_bank, rng, card):
    """Of 200 members those that saw row 7 miss the new example 3 by one deviation less."""
    mask = balanced(30, 200, 0.7, seed=0).mask
    y, new = rng.normal(size=30), rng.normal(size=12)
    test = new + 0.3 * rng.normal(size=(200, 12))
    test[:, 3] = new[3] + np.where(mask[:, 7], 0.1, 1.1) * y.std()
    bank = make_bank(y, np.tile(y, (200, 1))[..., None], mask, kind="values", test_y=new, test_logits=test[..., None])
    finding = Pairs().measure(bank)[0]
    assert finding.status == "measured"
    assert finding.quantities["largest_influence"].value == pytest.approx(1.0, abs=1e-4)
    said = card(bank, finding)
    shown = said.exhibits[0].groups[0].shown
    assert [(one.view, one.id) for one in shown] == [("train", 107), ("test", 9003)]
    assert [one.lines[1] for one in shown] == [f"{y[7]:.4g}", f"{new[3]:.4g}"]
    assert "standard deviations of the target" in said.body[0]
    assert said.charts[0].x.domain[1] >= 1.0 - 1e-4
    test[:, 3] = new[3] + 0.3 * rng.normal(size=200)
    bank = make_bank(y, np.tile(y, (200, 1))[..., None], mask, kind="values", test_y=new, test_logits=test[..., None])
    assert Pairs().measure(bank)[0].status == "withheld"


def test_values_learned_late_are_those_known_by_heart(make_bank, mask, rng, card):
    """A third has its noise learned last, and only where seen."""
    hard, y = np.arange(120) % 3 == 0, rng.normal(size=120)
    course = []
    for epoch in range(5):
        easy = y + 0.05 * rng.normal(size=(16, 120))
        late = np.where(mask & (epoch >= 4), y, y + 2.0) + 0.05 * rng.normal(size=(16, 120))
        course.append(np.where(epoch >= 2, np.where(hard, late, easy), y + 2.0))
    bank = make_bank(y, np.stack(course)[..., None], mask, kind="values")
    finding, columns = Order().measure(bank)
    assert (columns["first_learned"][hard] == 4).all()
    assert (columns["first_learned"][~hard] == 2).all()
    assert finding.quantities["first_learned_spearman"].value > 0.6
    shown = card(bank, finding)
    words = " ".join((*shown.how, *(one.sentence for group in shown.exhibits[0].groups for one in group.shown)))
    assert "standard deviations of the target" in words
    assert "labelled" not in words


def test_noise_in_values_ranks_by_the_residual_of_those_that_did_not_see_it(make_bank, mask, rng, card):
    signal, changed = rng.normal(size=120), np.zeros(120, bool)
    changed[[4, 40, 77]] = True
    y = signal + 0.1 * rng.normal(size=120) + 5.0 * changed
    said = np.where(mask & changed, y, signal)
    bank = make_bank(y, said[..., None], mask, kind="values", changed=changed)
    finding, columns = Quadrant().measure(bank)
    assert set(np.flatnonzero(columns["suspicion_rank"] < 3)) == {4, 40, 77}
    q = finding.quantities
    assert q["planted_auc"].value == 1
    assert q["large_residual_share"].value >= 3 / 120
    assert q["large_residual_learned"].value > 0.9
    shown = card(bank, finding)
    assert {one.id for one in shown.exhibits[0].groups[0].shown[:3]} == {104, 140, 177}
    assert "not accused" in shown.body[0]
    clean = Quadrant().measure(make_bank(signal + 0.1 * rng.normal(size=120), signal[None, :, None].repeat(16, 0), mask, kind="values"))[0]
    assert clean.quantities["large_residual_share"].value < 0.03


def test_bits_per_value_are_differences_and_withheld_where_unbounded(make_bank, mask, rng):
    signal, noise = rng.normal(size=120), rng.normal(size=120)
    y = signal + noise
    found = [
        ValueBits().measure(make_bank(step * np.round(y / step), (signal + 0.5 * noise * mask)[..., None], mask, kind="values"))[0]
        for step in (0.2, 0.001)
    ]
    for name in ("understood_bits_per_value", "memorised_bits_per_value"):
        assert found[0].quantities[name].value == pytest.approx(found[1].quantities[name].value, abs=0.05)
    q = found[1].quantities
    assert q["memorised_bits_of_values"].value == pytest.approx(120 * q["memorised_bits_per_value"].value)
    assert 0.8 < q["memorised_bits_per_value"].value < 1.4
    words = card_of(found[1], About(kind="values"))
    assert words.says == f"per value, {value_text(q['memorised_bits_of_values'])} in all 120"
    assert len(words.body) == 2
    lookup = ValueBits().measure(make_bank(y, np.where(mask, y, y.mean())[..., None], mask, kind="values"))[0]
    assert lookup.status == "withheld"
    assert lookup.withheld.code == "unbounded bits"
    assert set(lookup.quantities) == {"understood_bits_per_value", "understood_bits_of_values"}
    words, each = card_of(lookup, About(kind="values")), lookup.quantities["understood_bits_per_value"]
    assert (words.says, words.body) == ("", (f"Understood: {value_text(each)} {interval_text(each)} per value.",))
