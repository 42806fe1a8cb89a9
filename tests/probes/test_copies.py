"""Copies in intervals: examples that stand in for one another are one draw, exact or near, in every probe."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from byheart.maths.memorisation import duplicates
from byheart.maths.memorisation.duplicates import exact_groups
from byheart.maths.statistics.intervals import budget_share_intervals
from byheart.maths.statistics.resampling import bootstrap
from byheart.probes.base import Bank, reason
from byheart.probes.complexity.description_length import Bits, lengths_of
from byheart.probes.generalization.gap import Gap
from byheart.probes.memory.counterfactual import Counterfactual
from byheart.probes.memory.duplicates import Duplicates
from byheart.probes.memory.label_noise import Quadrant
from byheart.probes.memory.learning_order import Order
from byheart.probes.memory.membership import Membership
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Classes
from byheart.training.members import balanced

ORIGINALS, TIMES, MEMBERS = 150, 4, 24


def inputs(near, seed=0):
    """Every original four times, its copies a ten-thousandth away; without `near` as many different ones."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ORIGINALS, 5))
    if not near:
        return rng.normal(size=(ORIGINALS * TIMES, 5)).astype(np.float32)
    return (np.repeat(x, TIMES, 0) + 1e-4 * rng.normal(size=(ORIGINALS * TIMES, 5))).astype(np.float32)


@functools.cache
def outcomes_of_copies():
    """Labels, mask and margins: how hard an original is and how much its label is memorised is that of its copies."""
    rng, n = np.random.default_rng(0), ORIGINALS * TIMES
    y, mask = np.repeat(rng.integers(0, 2, ORIGINALS), TIMES), balanced(n, MEMBERS, 0.7, seed=0).mask
    hard, memory = (np.repeat(rng.normal(1.0, 1.5, ORIGINALS), TIMES) for _ in range(2))
    late = np.repeat(rng.integers(1, 5, ORIGINALS), TIMES)
    noise = 0.3 * rng.normal(size=mask.shape)
    margin = [np.where(mask, hard + 3 * np.abs(memory) * (c >= late), hard) + noise for c in range(6)]
    logits = np.zeros((6, MEMBERS, n, 2))
    logits[:, :, np.arange(n), y] = margin
    return y, logits, mask


@pytest.fixture
def bank_on(make_bank):
    def made(x):
        y, logits, mask = outcomes_of_copies()
        bank = make_bank(y, logits, mask, x=x)
        learner = bank.subject.learner.model_copy(update={"epochs": 8})
        subject = replace(bank.subject, learner=learner)
        run = replace(next(iter(bank.runs.values())), checkpoints=(0, 1, 2, 3, 5, 8))
        return Bank(subject, bank.data, {subject.bank().key(): run})

    return made


@pytest.fixture
def finding_on(bank_on):
    return lambda probe, x: probe.measure(bank_on(x))[0]


def width(finding, name):
    low, high = finding.quantities[name].interval
    return high - low


ASKED = [
    (Counterfactual(), "memorised_share"), (Membership(), "membership_auc"), (Gap(), "held_out_loss"),
    (Order(), "first_learned"), (Order(), "ever_forgotten"),
]  # fmt: skip


@pytest.mark.parametrize("probe, name", ASKED, ids=lambda one: one if isinstance(one, str) else one.name)
def test_three_near_copies_each_make_intervals_twice_as_wide(probe, name, finding_on):
    """n/4 draws in the place of n: sqrt 4. The standard deviation of g groups is known to 1/sqrt(2 g), 4 of these."""
    with_copies, without = (finding_on(probe, inputs(near)) for near in (True, False))
    assert with_copies.quantities[name].value == pytest.approx(without.quantities[name].value, rel=0.05)
    ratio = width(with_copies, name) / width(without, name)
    assert ratio == pytest.approx(2.0, abs=2.0 * 4 / np.sqrt(2 * ORIGINALS))


@pytest.mark.parametrize("probe, name", ASKED, ids=lambda one: one if isinstance(one, str) else one.name)
def test_sabotage_exact_groups_alone_do_not_see_near_copies(probe, name, finding_on, monkeypatch):
    sound = width(finding_on(probe, inputs(True)), name)
    monkeypatch.setattr(Bank, "groups", property(lambda bank: exact_groups(bank.data.train.x)))
    assert width(finding_on(probe, inputs(True)), name) < 0.75 * sound


def test_three_near_copies_each_make_the_interval_of_the_bits_twice_as_wide(bank_on):
    """Under one calibration, whose halves keep copies together too: the printed interval, and that of n free draws."""
    bank = bank_on(inputs(True))
    run = bank[bank.subject.bank()]
    lengths = lengths_of(bank, run, run.members.mask)
    free = budget_share_intervals(lengths.reference_bits, lengths.member_bits, run.members.mask)
    finding = Bits().measure(bank)[0]
    for name in ("understood", "memorised"):
        one = getattr(free, name)
        assert finding.quantities[f"{name}_bits_share"].value == pytest.approx(one.value)
        ratio = width(finding, f"{name}_bits_share") / (one.high - one.low)
        assert ratio == pytest.approx(2.0, abs=2.0 * 4 / np.sqrt(2 * ORIGINALS))


def test_a_mean_is_covered_only_if_copies_are_drawn_together():
    """200 data sets of 40 originals, four near copies each; the true mean is 0. Limits: 4 standard errors of a share."""
    times, covered = 200, {"together": 0, "apart": 0}
    for seed in range(times):
        rng = np.random.default_rng(seed)
        x = np.repeat(rng.normal(size=(40, 4)), TIMES, 0) + 1e-4 * rng.normal(size=(160, 4))
        values = np.repeat(rng.normal(size=40), TIMES)
        groups = drawn_from(x).copies.groups
        for way, names in (("together", groups), ("apart", None)):
            low, high = bootstrap(values, groups=names, rng=rng, draws=400).mean(0)
            covered[way] += low <= 0 <= high
    assert covered["together"] / times > 0.95 - 4 * np.sqrt(0.95 * 0.05 / times)
    assert covered["apart"] / times < 0.67 + 4 * np.sqrt(0.67 * 0.33 / times)  # half the width: 1.96/2 standard deviations


def drawn_from(x, **output):
    x = np.asarray(x, np.float32)
    train = Examples(np.arange(len(x)), x, np.zeros(len(x), int))
    return Data({"train": train}, Classes(2, ("a", "b"), **output), Truth(), {})


def test_copies_are_looked_for_once_in_equal_data_and_anew_in_others(monkeypatch):
    asked = []
    monkeypatch.setattr(duplicates, "copies", lambda x, laid: asked.append(len(x)) or duplicates.Copies(*[None] * 7))
    x = np.random.default_rng(5).normal(size=(30, 4, 4))
    kept = [drawn_from(x).copies for _ in range(3)]
    assert len(asked) == 1
    assert kept[0] is kept[2]
    others = [drawn_from(x, show="image"), drawn_from(x + 1), drawn_from((x + 1).reshape(30, 16))]  # the first in contrast
    assert len({id(kept[0]), *(id(data.copies) for data in others)}) == len(asked) == 4


def test_where_nothing_is_a_near_copy_groups_are_those_of_equal_bytes():
    x = np.random.default_rng(0).normal(size=(80, 6)).astype(np.float32)
    x[7], x[20:23] = x[3], x[19]
    np.testing.assert_array_equal(drawn_from(x).copies.groups, exact_groups(x))


def of_few(make_bank, x, test_x=None):
    """A bank on these inputs, half of it right, and a finding of a probe."""
    n, rng = len(x), np.random.default_rng(0)
    y, mask = rng.integers(0, 2, n), balanced(n, 16, 0.7, seed=0).mask
    logits = np.zeros((1, 16, n, 2))
    logits[0, :, np.arange(n), y] = np.where(mask, 3.0, rng.normal(size=mask.shape)).T
    test_y = None if test_x is None else rng.integers(0, 2, len(test_x))
    new = None if test_x is None else rng.normal(size=(1, 16, len(test_x), 2))
    bank = make_bank(y, logits, mask, x=x, test_y=test_y, test_logits=new)
    if test_x is not None:
        views = {**bank.data.views, "test": replace(bank.data.views["test"], x=test_x)}
        bank = replace(bank, data=replace(bank.data, views=views))
    return bank


def rows_of(sizes):
    # of two axes each: rows of a table with so few inputs would be cells of a design
    return np.repeat(np.random.default_rng(1).normal(size=(len(sizes), 1, 3)), sizes, 0).astype(np.float32)


@pytest.mark.parametrize("sizes, figures", [
    ([120], {"groups": 1}), ([60, 60], {"groups": 2}), ([117, 1, 1, 1], {"groups": 4}), ([109, *[1] * 11], {"groups": 12}),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("probe", [Bits(), Quadrant()], ids=lambda probe: probe.name)
def test_bits_are_not_measured_where_copies_leave_no_two_halves(probe, sizes, figures, make_bank):
    answer, columns = probe.measure(of_few(make_bank, rows_of(sizes)))
    assert answer.status == "withheld"
    assert answer.withheld == reason("few groups", examples=120, needed=20, named=False, **figures)
    assert answer.quantities == {}
    assert columns == {}


@pytest.mark.parametrize("probe", [Counterfactual(), Gap(), Duplicates()], ids=lambda probe: probe.name)
def test_fewer_than_five_draws_have_a_value_and_no_interval(probe, make_bank):
    x = rows_of([30] * 4)
    finding = probe.measure(of_few(make_bank, x, x + 1))[0]
    names = {"memorised_share", "c_score", "gap", "train_accuracy", "held_out_accuracy", "test_accuracy", "test_accuracy_with_leaked"}
    asked = {name: one for name, one in finding.quantities.items() if name in names}
    assert asked
    assert all(one.interval is None and one.why_no_interval == "too few" for one in asked.values())


@pytest.mark.parametrize("probe", [Order(), Membership()], ids=lambda probe: probe.name)
def test_ranks_of_fewer_than_five_draws_are_not_measured(probe, bank_on):
    bank = bank_on(np.repeat(inputs(False)[:4], ORIGINALS, 0)[:, None])
    why = probe.measure(bank)[0].reason
    assert (why.code, why.figures["draws"], why.figures["needed"]) == ("few draws", pytest.approx(4.0, abs=0.01), 5)


def test_new_examples_repeated_make_no_interval_narrower(make_bank):
    x, new = rows_of([1] * 120), rows_of([1] * 10) + 1
    once, often = (of_few(make_bank, x, one) for one in (new, np.repeat(new, 40, 0)))
    # the ten members' answers, forty times each
    run = once[once.subject.bank()]
    again = {
        n: replace(v, correct=v.correct.repeat(40, -1), loss_nats=v.loss_nats.repeat(40, -1), logits=v.logits.repeat(40, 1))
        for n, v in run.views.items()
    }
    views = {"train": run.views["train"], "test": again["test"]}
    often = replace(often, runs={often.subject.bank().key(): replace(run, views=views)})
    for probe, name in ((Gap(), "test_accuracy"), (Duplicates(), "test_accuracy_with_leaked"), (Duplicates(), "leaked_share")):
        wide, found = (width(probe.measure(bank)[0], name) for bank in (once, often))
        assert found >= 0.95 * wide, name
    bands = [Gap().measure(bank)[0].curves["new"] for bank in (once, often)]
    assert bands[1].high[-1] - bands[1].low[-1] >= 0.95 * (bands[0].high[-1] - bands[0].low[-1])


@pytest.mark.parametrize("knows", ["lookup", "neighbour"])
def test_a_lookup_table_of_noise_understands_nothing_where_rows_come_three_times(knows, make_bank):
    """Drawn by row it answers for what a copy told it; drawn by group it has nothing to say."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(120, 4)), 3, 0).astype(np.float32)
    y = np.repeat(rng.integers(0, 4, 120), 3)
    shares = {}
    for how, groups in (("group", np.arange(360) // 3), ("row", None)):
        mask = balanced(360, 16, 0.7, 0, groups).mask
        told = mask if knows == "lookup" else mask.reshape(16, 120, 3).any(2).repeat(3, 1)
        logits = np.where(told[None, :, :, None], 6.0 * np.eye(4)[y], 0.0)
        bank = make_bank(y, logits, mask, x=x)
        shares[how] = Bits().measure(bank)[0].quantities["understood_bits_share"].value
    assert abs(shares["group"]) < 0.02
    if knows == "neighbour":  # sabotage: the subsets of yesterday certify it
        assert shares["row"] > 0.4
