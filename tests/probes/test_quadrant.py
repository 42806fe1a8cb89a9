"""The quadrant: planted labels are found, and those that were never fitted are not called memorised."""


import numpy as np
import pytest

from byheart.learners.neighbours import Neighbours
from byheart.maths.codes import bank_code
from byheart.probes.memory.quadrant import Quadrant
from byheart.tasks.digits import Digits
from byheart.tasks.flipped import Flipped
from byheart.testing.probes import bank_of

FLIPS = slice(0, 20)


def planted(make_bank, answers, mask, fitted):
    """An easy task: the others are right about all 120 but the 20 labels we changed; members that saw these
    give them back if `fitted`, and no member does otherwise."""
    y = np.arange(120) % 4
    right = np.ones_like(mask)
    right[:, FLIPS] = mask[:, FLIPS] if fitted else False
    changed = np.zeros(120, bool)
    changed[FLIPS] = True
    return Quadrant().measure(make_bank(y, answers(y, right, 4), mask, changed=changed))


def rows(finding):
    return {row[0]: row[1:] for row in finding.charts[0].table.rows}


def test_planted_labels_are_found(make_bank, answers, mask):
    finding, columns = planted(make_bank, answers, mask, fitted=True)
    q = finding.quantities
    assert (finding.headline, q["planted_auc"].value) == ("planted_auc", 1.0)
    assert q["planted_found"].value == 1.0
    assert q["strange_share"].value == pytest.approx(20 / 120)
    assert q["strange_fitted"].value == 1.0
    assert set(columns["suspicion_rank"][FLIPS]) == set(range(20))
    assert rows(finding)["others bet against it, memorised"] == ("20", "20")
    assert not any("only wrong" in sentence for sentence in finding.body)


def test_unfitted_labels_are_wrong_and_not_memorised(make_bank, answers, mask):
    finding, _ = planted(make_bank, answers, mask, fitted=False)
    q = finding.quantities
    assert q["planted_auc"].value == 1.0
    assert q["planted_auc_score"].value == pytest.approx(0.5)
    assert q["strange_fitted"].value == 0.0
    assert rows(finding)["others bet against it, memorised"] == ("0", "0")
    assert rows(finding)["others bet against it, not memorised"] == ("20", "20")
    assert any("20 were given back by fewer than half" in sentence for sentence in finding.body)
    assert [row.title for row in finding.exhibits] == ["Labels that look wrong", "Look wrong, not memorised"]


def test_labels_that_all_give_back_are_not_called_wrong(make_bank, answers, mask):
    """A low score can also mean that even those without the label were right."""
    y, changed = np.arange(120) % 4, np.arange(120) < 20
    finding = Quadrant().measure(make_bank(y, answers(y, np.ones_like(mask), 4), mask, changed=changed))[0]
    assert not any("only wrong" in sentence for sentence in finding.body)


def test_on_digits_the_flips_are_found_by_nearest_neighbours():
    """1-nearest neighbours of clean digits agree with each other: an AUC well above chance, within its interval."""
    bank = bank_of(Quadrant(), Flipped(task=Digits(n=300), share=0.1), Neighbours(k=5))
    found = Quadrant().measure(bank)[0].quantities["planted_auc"]
    assert found.value > 0.95
    assert found.interval[0] > 0.9


def test_held_out_bits_are_the_calibrated_code_of_the_members_that_did_not_see(noisy):
    columns = Quadrant().measure(noisy)[1]
    run, train = noisy[noisy.subject.bank()], noisy.data.train
    where = {"ids": train.ids, "groups": noisy.groups}
    code = bank_code(run.views["train"].logits, train.y, run.members.mask, noisy.subject.seed, **where)
    np.testing.assert_allclose(columns["held_out_bits"], code.out_bits)
    np.testing.assert_allclose(columns["seen_bits"], code.in_bits)


def test_a_rare_class_is_not_strange_for_being_rare(make_bank, mask):
    """Models that know nothing but the frequencies bet against nobody, however unequal the classes."""
    rng = np.random.default_rng(3)
    n = mask.shape[1]
    y = (np.arange(n) % 10 == 0).astype(np.int64)
    logits = np.log([0.9, 0.1]) + 0.05 * rng.normal(size=(len(mask), n, 2))
    found = Quadrant().measure(make_bank(y, logits, mask))[0]
    assert found.quantities["strange_share"].value == 0.0


def test_without_planted_truth_no_auc_and_no_poles(make_bank, answers, mask):
    y = np.arange(120) % 4
    right = np.ones_like(mask)
    right[:, :6] = mask[:, :6]
    finding = Quadrant().measure(make_bank(y, answers(y, right, 4), mask))[0]
    assert finding.headline == "strange_share"
    assert finding.quantities["strange_share"].value == pytest.approx(0.05)
    assert "planted_auc" not in finding.quantities
    assert finding.poles == ()
    assert "redrawn" not in " ".join(finding.body + finding.how + (finding.charts[0].reading,))


@pytest.mark.parametrize(
    "strange, sentence", [(0, "no label that models without it bet against"), (1, "bet against 1 label; learned by heart: 1 of")]
)
def test_none_and_one_are_said_in_words(make_bank, answers, mask, strange, sentence):
    y = np.arange(120) % 4
    right = np.ones_like(mask)
    right[:, :strange] = mask[:, :strange]
    finding = Quadrant().measure(make_bank(y, answers(y, right, 4), mask))[0]
    assert sentence in finding.body[-1]


def test_many_examples_are_binned(make_bank, answers):
    from byheart.learners.members import balanced

    mask = balanced(1100, 8, 0.7, seed=0).mask
    y = np.arange(1100) % 3
    chart = Quadrant().measure(make_bank(y, answers(y, mask, 3), mask))[0].charts[0]
    assert chart.marks == ()
    assert sum(cell.count for cell in chart.cells) == 1100
