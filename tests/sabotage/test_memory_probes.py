"""Membership, copies and order, each broken in one thing: their own suites must catch it. Promises 2, 5, 6, 7.

The suites are those of tests/conformance; a broken probe is a subclass that differs in one method or measures with one
function replaced.
"""

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import ClassVar
from unittest import mock

import numpy as np
import pytest

from byheart.maths.memorisation import duplicates as copying
from byheart.maths.memorisation import learning_order as order
from byheart.maths.memorisation import strongest_attack as choosing
from byheart.maths.statistics import detection
from byheart.probes.memory import duplicates as duplicates_probe
from byheart.probes.memory import learning_order as order_probe
from byheart.probes.memory import membership as membership_probe
from byheart.probes.memory.duplicates import Duplicates
from byheart.probes.memory.learning_order import Order
from byheart.probes.memory.learning_order import proxies as order_signs
from byheart.probes.memory.membership import Membership
from byheart.tasks.data import Data

PATH = Path(__file__).parents[1] / "conformance" / "test_probes.py"
spec = importlib.util.spec_from_file_location("conformance_of_probes", PATH)
suites = importlib.util.module_from_spec(spec)
spec.loader.exec_module(suites)
SUITES = {Membership: suites.TestMembership, Duplicates: suites.TestDuplicates, Order: suites.TestOrder}


class With:
    """Measures with `part` in the place of a function, `where` = (module, its name)."""

    def measure(self, bank):
        with mock.patch.object(*self.where, type(self).part):
            return super().measure(bank)


def headline(finding, value):
    """The finding with another headline, and an interval that any value lies in."""
    name = finding.headline
    made = finding.quantities[name].model_copy(update={"value": value, "interval": (0.0, 1.0)})
    return finding.model_copy(update={"quantities": finding.quantities | {name: made}})


class Unseeded:
    """Promise 2: its draws come from nowhere."""

    def rng(self, bank, *names):
        return np.random.default_rng()


class UnseededMembership(Unseeded, Membership):
    pass


class UnseededDuplicates(Unseeded, Duplicates):
    pass


class UnseededOrder(Unseeded, Order):
    pass


class TiesWon(With, Membership):
    """Promise 5: a tie is a find, so that who says nothing of anybody gives everybody away."""

    where: ClassVar = (membership_probe, "operating_points")

    @staticmethod
    def part(score, mask, *rest):
        above = float((score[mask][:, None] >= score[~mask]).mean())
        return detection.operating_points(score, mask, *rest)._replace(auc=above, auc_interval=(0.0, 1.0))


class SidesSwapped(With, Membership):
    """Promise 6: who saw and who did not are exchanged."""

    where: ClassVar = (membership_probe, "cross_scored")

    @staticmethod
    def part(attacks, mask, names):
        return -choosing.cross_scored(attacks, mask, names)


class Unplaced(Membership):
    """Promise 7: its columns stay in the order of ids."""

    def measure(self, bank):
        finding, columns = super().measure(bank)
        by_id = np.argsort(bank.data.train.ids, kind="stable")
        return finding, {name: column[by_id] for name, column in columns.items()}


class ByClassNumber(With, Membership):
    """Promise 7: margins of classes of large number weigh more."""

    where: ClassVar = (membership_probe, "attack_score")
    score = staticmethod(membership_probe.attack_score)

    @staticmethod
    def part(bank):
        return ByClassNumber.score(bank) * (1 + bank.data.train.y)


class Surplus(Duplicates):
    """Promise 5: one of each group is the original and does not count."""

    def measure(self, bank):
        finding, columns = super().measure(bank)
        return headline(finding, 1 - len(np.unique(columns["copy_group"])) / len(bank.data.train)), columns


class ExactAlone(Duplicates):
    """Promise 5: near copies do not count."""

    def measure(self, bank):
        exact = copying.exact_groups(bank.data.train.x)
        kept = bank.data.copies._replace(groups=exact, pairs=np.empty((0, 2), int))
        with mock.patch.object(Data, "copies", kept):
            return super().measure(replace(bank, data=replace(bank.data)))  # which has not found its copies yet


class Whether(Duplicates):
    """Promise 6: it says whether there are copies, not how many."""

    def measure(self, bank):
        finding, columns = super().measure(bank)
        return headline(finding, float(columns["copies"].any())), columns


class FirstStands(With, Duplicates):
    """Promise 7: of equal rows the first stands for all, not that of least id."""

    where: ClassVar = (duplicates_probe, "contradicting")

    @staticmethod
    def part(found, labels, order=None):
        return copying.contradicting(found, labels)


class Ascending(With, Duplicates):
    """Promise 7: labels contradict one another where the second has the larger number."""

    where: ClassVar = (duplicates_probe, "contradicting")

    @staticmethod
    def part(found, labels, order=None):
        pairs = copying.contradicting(found, labels, order)
        return pairs[labels[pairs[:, 0]] < labels[pairs[:, 1]]]


class UpsideDown(With, Order):
    """Promise 5: early is taken for late."""

    where: ClassVar = (order_signs, "stand_in")

    @staticmethod
    def part(signs, *rest):
        return order.stand_in([-sign for sign in signs], *rest)


class NeverIsNought(With, Order):
    """Promise 6: what is never learned counts as learned before the first epoch."""

    where: ClassVar = (order_probe, "course")

    @staticmethod
    def part(correct, loss_nats, mask, checkpoints):
        made = order.course(correct, loss_nats, mask, checkpoints)
        return made._replace(first_learned=made.first_learned - 2 * made.never_learned * checkpoints[-1])


class ByPlace(With, Order):
    """Promise 7: it takes the place of an example for its id."""

    where: ClassVar = (order_probe, "learned_last")
    learned_last = staticmethod(order_probe.learned_last)

    @staticmethod
    def part(bank, *rest):
        train = replace(bank.data.train, ids=np.arange(len(bank.data.train)))
        return ByPlace.learned_last(replace(bank, data=replace(bank.data, views={"train": train})), *rest)


class FirstClassWrong(Order):
    """Promise 7: class number 0 is taken for no answer."""

    def measure(self, bank):
        need = bank.subject.bank()
        run = bank[need]
        view = run.views["train"]
        view = replace(view, correct=view.correct & (bank.data.train.y != 0))
        broken = replace(run, views={**run.views, "train": view})
        return super().measure(replace(bank, runs={**bank.runs, need.key(): broken}))


ORDER, NAMES = "test_7_order_of_examples_changes_nothing", "test_7_names_of_classes_change_nothing"
POLES, DOSE = "test_5_poles_sit_at_the_ends", "test_6_monotone_in_the_dose"
AGAIN = "test_2_measure_is_deterministic"
BROKEN = [
    (UnseededMembership, AGAIN, "two measurements of one bank differ"),
    (TiesWon, POLES, "pole oracle stands"),
    (SidesSwapped, DOSE, "not monotone"),
    (Unplaced, ORDER, "the order of examples changes column risk"),
    (ByClassNumber, NAMES, "the numbering of classes changes membership_auc"),
    (UnseededDuplicates, AGAIN, "two measurements of one bank differ"),
    (Surplus, POLES, "pole all copies stands"),
    (ExactAlone, POLES, "pole all copies stands"),
    (Whether, DOSE, "not monotone"),
    (FirstStands, ORDER, "which examples are shown"),
    (Ascending, NAMES, "the numbering of classes changes contradicting"),
    (UnseededOrder, AGAIN, "two measurements of one bank differ"),
    (UpsideDown, POLES, "pole by heart last stands"),
    (NeverIsNought, DOSE, "not monotone"),
    (ByPlace, ORDER, "which examples are shown"),
    (FirstClassWrong, NAMES, "the numbering of classes changes"),
]


@pytest.fixture(scope="module")
def banks():
    return {}


@pytest.mark.parametrize("broken, promise, why", BROKEN, ids=lambda one: getattr(one, "__name__", ""))
def test_the_suite_catches(broken, promise, why, banks):
    sound = next(probe for probe in SUITES if issubclass(broken, probe))
    suite = SUITES[sound]()
    asked = []
    if promise not in (POLES, DOSE):
        if sound not in banks:
            banks[sound] = suite.bank.__wrapped__(suite, sound())
        asked = [banks[sound]]
    with pytest.raises(AssertionError, match=why):
        getattr(suite, promise)(broken(), *asked)
