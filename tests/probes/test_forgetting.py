"""Forgetting: a slow twin, closed forms, and where it is not asked."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.mlp import Mlp
from byheart.learners.ridge import Ridge
from byheart.probes.base import Subject
from byheart.probes.memory.forgetting import Forgetting
from byheart.records.finding import NotApplicable
from byheart.tasks.arrays import Arrays
from byheart.tasks.digits import Digits
from byheart.tasks.in_phases import InPhases
from byheart.tasks.label_noise import Flipped
from byheart.testing.banks import bank_of


@pytest.fixture(scope="module")
def bank():
    task = InPhases(task=Digits(n=200), phases=3)
    return bank_of(Forgetting(), task, Mlp(hidden=(16,), epochs=4, lr=0.02), members=12, way="stacked")


def slow(bank, seen: bool) -> float:
    """The definition, an example and a member at a time."""
    run = bank[bank.subject.bank()]
    means = []
    for j, rows in enumerate(bank.data.phases[:-1]):
        lost, end = [], run.checkpoints.index(4 * (j + 1))
        for i in rows:
            members = [m for m in range(len(run.members)) if run.members.seen[m, i] == seen]
            right = run.views["train"].correct
            lost.append(np.mean([float(right[end, m, i]) - float(right[-1, m, i]) for m in members]))
        means.append(np.mean(lost))
    return float(np.mean(means))


def test_it_is_its_slow_twin(bank):
    finding, _ = Forgetting().measure(bank)
    assert finding.quantities["forgetting"].value == pytest.approx(slow(bank, False), abs=1e-12)
    assert finding.quantities["forgetting_seen"].value == pytest.approx(slow(bank, True), abs=1e-12)
    assert finding.quantities["forgetting"].value > 0.1  # naive training forgets


def test_the_parts_add_up(bank):
    found = Forgetting().measure(bank)[0].quantities
    assert found["learned_accuracy"].value - found["retained_accuracy"].value == pytest.approx(found["forgetting"].value)


def test_a_matrix_known_by_hand_gives_its_number(bank):
    """Rows (.90 .10 .10), (.95 .80 .10), (.70 .90 .85): backward transfer is -0.05, so forgetting 0.05."""
    matrix = np.array([[0.9, 0.1, 0.1], [0.95, 0.8, 0.1], [0.7, 0.9, 0.85]])
    need, run = bank.subject.bank(), bank[bank.subject.bank()]
    rows = [rows[:40] for rows in bank.data.phases]
    right = np.zeros_like(run.views["train"].correct)
    for i, end in enumerate((4, 8, 12)):
        for j in range(3):
            right[run.checkpoints.index(end)][:, rows[j][: round(40 * matrix[i, j])]] = True
    kept = np.isin(np.arange(200), np.concatenate(rows))
    view = replace(run.views["train"], correct=right)
    moved = replace(bank, runs={need.key(): replace(run, views={**run.views, "train": view})}).of_rows(kept)
    finding, _ = Forgetting().measure(moved)
    assert finding.quantities["forgetting"].value == pytest.approx(0.05)
    table = finding.tables["accuracy_after_each_phase"].values
    np.testing.assert_allclose([table[f"on_phase_{j}"] for j in (1, 2, 3)], matrix.T)


def test_labels_redrawn_by_the_audit_are_left_out():
    task = Flipped(task=InPhases(task=Digits(n=200)), share=0.2, control=True)
    bank = bank_of(Forgetting(), task, Mlp(hidden=(8,), epochs=2, lr=0.02), members=12, way="stacked")
    n = Forgetting().measure(bank)[0].quantities["forgetting"].n
    assert n == int(bank.counted[bank.data.phases[0]].sum())


@pytest.mark.parametrize("subject", [
    Subject(Digits(), Mlp(), offers=frozenset({"classes"})),
    Subject(Digits(), Mlp(), offers=frozenset({"values", "phases"}), phases=2),
    Subject(Digits(), Ridge(), offers=frozenset({"classes", "phases"}), phases=2),
], ids=["one phase", "values", "no epochs"])  # fmt: skip
def test_elsewhere_it_is_not_asked(subject):
    assert isinstance(Forgetting().requires(subject), NotApplicable)


def test_checkpoints_hold_the_end_of_every_phase():
    subject = Subject(Digits(), Mlp(epochs=6), phases=3)
    assert subject.ends() == (6, 12, 18)
    assert subject.checkpoints() == (0, 1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 17, 18)
    assert replace(subject, phases=1).checkpoints() == (0, 1, 2, 3, 5, 6)


def test_noise_loses_what_a_guess_by_the_labels_loses():
    """Nothing can be known of x: at the end of its phase a class is guessed, and later another."""
    rng = np.random.default_rng(0)
    task = InPhases(task=Arrays.of(rng.normal(size=(200, 4)), rng.integers(0, 4, 200)), phases=2)
    lost = Forgetting().measure(bank_of(Forgetting(), task, Mlp(hidden=(8,), epochs=20, lr=0.02), members=16, way="stacked"))[0]
    found = lost.quantities["forgetting"]
    assert found.null > 0.45
    assert found.interval[0] <= found.null <= found.interval[1]
    assert lost.quantities["learned_accuracy"].null - lost.quantities["retained_accuracy"].null == found.null
