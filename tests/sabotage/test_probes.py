"""Probes that break a promise; the suite must catch each of them."""

from typing import ClassVar

import numpy as np
import pytest

from byheart.learners.neighbours import Neighbours
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.base import Probe
from byheart.records.facts import Ranked
from byheart.records.finding import Finding, Pole
from byheart.records.quantity import Quantity, interval_by
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.testing.probes import ProbeSuite, bank_of
from byheart.testing.worlds import WORLDS


class Sound(Probe):
    """Seen less left out; keeps every promise. Each broken probe below differs from it in one thing."""

    name = "memory/sound"
    question = "How much more often is it right where it has seen the label?"
    reference = "here"

    def requires(self, subject):
        if "classes" not in subject.offers:
            return self.not_applicable("other", why="Values are not right or wrong.")
        return (subject.bank(),)

    def measure(self, bank):
        run = bank[bank.subject.bank()]
        seen, left_out = side_means(run.views["train"].correct[-1].astype(float), run.members.mask)
        gain = self.gain(bank, seen, left_out)
        value, error = float(gain.mean()), float(gain.std() / np.sqrt(len(gain)))
        first = self.order(bank, gain)[:5]
        finding = Finding(
            probe=self.name,
            question=self.question,
            headline="gain",
            quantities={"gain": self.quantity(value, error, len(gain))},
            poles=(Pole(name="Oracle", value=0.0), Pole(name="Rote", value=self.rote(bank))),
            ranked={"most": Ranked(ids=bank.data.train.ids[first])},
            reference=self.reference,
        )
        return finding, {"gain": gain}

    def gain(self, bank, seen, left_out):
        return seen - left_out

    def order(self, bank, gain):
        return np.lexsort((bank.data.train.ids, -gain))

    def rote(self, bank):
        return 1 - np.bincount(bank.data.train.y).max() / len(bank.data.train)

    def quantity(self, value, error, n):
        made = interval_by("2 standard errors", (value - 2 * error, value + 2 * error))
        return Quantity(value=value, unit="points", null=0.0, n=n, **made)


class Drawing(Sound):
    """Promise 1: it looks at the data to know what it needs."""

    def requires(self, subject):
        subject.task.draw(subject.seed)
        return super().requires(subject)


class Wavering(Sound):
    """Promise 1: it asks for more each time."""

    asked: ClassVar[list] = []

    def requires(self, subject):
        self.asked.append(subject)
        return (subject.bank(),) if len(self.asked) % 2 else (subject.bank(), subject.whole())


class Unseeded(Sound):
    """Promise 2: noise from nowhere."""

    def gain(self, bank, seen, left_out):
        return seen - left_out + 1e-3 * np.random.default_rng().normal(size=len(seen))


class Writes(Sound):
    """Promise 3: it centres the losses in place."""

    def gain(self, bank, seen, left_out):
        losses = bank[bank.subject.bank()].views["train"].loss_nats
        losses -= losses.mean()
        return seen - left_out


class Elsewhere(Sound):
    """Promise 4: the interval belongs to another number."""

    def quantity(self, value, error, n):
        return Quantity(value=value, unit="points", interval=(value + error, value + 3 * error), null=0.0, n=n, method="?")


class Silent(Sound):
    """Promise 4: an interval, and no word of how it was made."""

    def quantity(self, value, error, n):
        return super().quantity(value, error, n).model_copy(update={"method": ""})


class Optimist(Sound):
    """Promise 5: it prints another end than its lookup table attains."""

    def rote(self, bank):
        return 1.0


class Tilted(Sound):
    """Promise 5: who knows the truth is given a part of what it understands as memory."""

    def gain(self, bank, seen, left_out):
        return seen - 0.9 * left_out


class Inverted(Sound):
    """Promise 6: less is found where more is planted."""

    def gain(self, bank, seen, left_out):
        return left_out


class ByPlace(Sound):
    """Promise 7: ties go to whoever stands first."""

    def order(self, bank, gain):
        return np.argsort(-gain, kind="stable")


class Halved(Sound):
    """Promise 7: it reads the first half of the examples alone."""

    def gain(self, bank, seen, left_out):
        first = np.arange(len(seen)) < len(seen) / 2
        return (seen - left_out) * first


class ByNumber(Sound):
    """Promise 7: classes of large number weigh more."""

    def gain(self, bank, seen, left_out):
        return (seen - left_out) * (1 + bank.data.train.y)


class Confident(Sound):
    """Promise 10: it counts estimated scores, noise included, as if they were the true ones."""

    def measure(self, bank):
        finding, columns = super().measure(bank)
        value = float((columns["gain"] >= 0.25).mean())
        error = float(np.sqrt(value * (1 - value) / len(columns["gain"])))
        share = self.quantity(value, error, len(columns["gain"]))
        return finding.model_copy(update={"quantities": finding.quantities | {"memorised_share": share}}), columns


class Asks(Sound):
    """Promise 8: it asks for runs whatever is offered."""

    def requires(self, subject):
        return (subject.bank(),)


class Mute(Sound):
    """Promise 8: it does not apply, and does not say why."""

    def requires(self, subject):
        return self.not_applicable("other", why="") if "classes" not in subject.offers else super().requires(subject)


class Zero(Sound):
    """Promise 8: where all members saw an example it puts a zero."""

    assumes = ()

    def gain(self, bank, seen, left_out):
        return np.nan_to_num(seen - left_out)


class Needy(Sound):
    """Sound; it declares a need, takes two examples, and its interval is undefined where nothing varies."""

    needs = ("test",)

    def order(self, bank, gain):
        return super().order(bank, gain - 0 * gain[1])

    def quantity(self, value, error, n):
        with np.errstate(all="ignore"):
            return super().quantity(value, error * (np.float64(error) / error), n)


class Costly(Sound):
    """Promise 9: it says that it reads what is there, and has 16 models trained."""

    def requires(self, subject):
        return (subject.bank(), subject.bank().model_copy(update={"members": 16}))


class Copied(Sound):
    """Promise 10: it takes every second example for another one."""

    def gain(self, bank, seen, left_out):
        return (seen - left_out) / (np.ptp(bank.groups) == len(seen) - 1 or {}["a group of one"])


class OneClass(Sound):
    """Promise 10: it looks for a second class."""

    def gain(self, bank, seen, left_out):
        return (seen - left_out) * (np.unique(bank.data.train.y)[1] >= 0)


class Varies(Sound):
    """Promise 10: it divides by the spread of what members say, in whole numbers."""

    def gain(self, bank, seen, left_out):
        return (seen - left_out) * (1 // int(np.ceil(np.ptp(seen - left_out))) > 0)




DEGENERATE = "test_10_breaks_on_no_copies_one_class_or_single_example"
BROKEN = [
    (Drawing, "test_1_requires_is_pure_and_instant", "drew the data"),
    (Wavering, "test_1_requires_is_pure_and_instant", "another answer when asked again"),
    (Unseeded, "test_2_measure_is_deterministic", "two measurements of one bank differ"),
    (Writes, "test_3_runs_are_left_unchanged", "changed a run"),
    (Elsewhere, "test_4_every_number_is_a_quantity", "does not hold its value"),
    (Silent, "test_4_every_number_is_a_quantity", "does not say how its interval was made"),
    (Optimist, "test_5_poles_sit_at_the_ends", "pole rote stands"),
    (Tilted, "test_5_poles_sit_at_the_ends", "pole oracle stands"),
    (Inverted, "test_6_monotone_in_the_dose", "not monotone"),
    (ByPlace, "test_7_order_of_examples_changes_nothing", "which examples are shown"),
    (Halved, "test_7_order_of_examples_changes_nothing", "the order of examples changes gain"),
    (ByNumber, "test_7_names_of_classes_change_nothing", "the numbering of classes changes gain"),
    (Asks, "test_8_a_missing_offer_is_not_applicable", "still asked"),
    (Mute, "test_8_a_missing_offer_is_not_applicable", "no reason is given"),
    (Zero, "test_8_one_sided_examples_are_not_applicable", "is given a number"),
    (Costly, "test_9_the_stated_cost_is_not_exceeded", "trains 25% of the members again"),
    (Copied, DEGENERATE, "breaks on copies"),
    (OneClass, DEGENERATE, "breaks on one class"),
    (Varies, DEGENERATE, "breaks on members that say nothing"),
    (Confident, "test_10_holds_the_truth_in_every_world", "a constant: memorised_share"),
]


class Suite(ProbeSuite):
    needs = ("classes",)
    worlds = tuple(world for world in WORLDS if world.name in {"separable", "a constant"})


class TestSound(Suite):
    """What all the broken ones differ from passes."""

    @pytest.fixture(scope="class")
    def probe(self):
        return Sound()

    @pytest.fixture(scope="class")
    def bank(self, probe):
        return bank_of(probe, Flipped(task=Digits(n=150), share=0.2), Neighbours())


@pytest.mark.parametrize("broken, promise, why", BROKEN)
def test_the_suite_catches(broken, promise, why):
    probe = broken()
    needs_bank = not promise.startswith(("test_5", "test_6", "test_10_holds"))
    bank = [bank_of(Sound(), Flipped(task=Digits(n=150), share=0.2), Neighbours())] if needs_bank else []
    with pytest.raises(AssertionError, match=why):
        getattr(Suite(), promise)(probe, *bank)


GUARDS = [
    ("unasked", "test_8_a_missing_offer_is_not_applicable", "without test the question is still asked"),
    ("unsound", "test_8_one_sided_examples_are_not_applicable", "is given a number"),
    ("undefined", DEGENERATE, "breaks on members that say nothing: ValidationError"),
    ("unsound", DEGENERATE, "breaks on a single example"),
]


@pytest.mark.parametrize("guard, promise, why", GUARDS)
def test_the_suite_catches_a_base_without_its_guard(monkeypatch, guard, promise, why):
    bank = bank_of(Needy(), Flipped(task=Digits(n=150), share=0.2), Neighbours())
    getattr(Suite(), promise)(Needy(), bank)
    monkeypatch.setattr(f"byheart.probes.guards.{guard}", lambda *asked: None)
    with pytest.raises(AssertionError, match=why):
        getattr(Suite(), promise)(Needy(), bank)
