"""The probes of memory in time keep the promises of `byheart.probes.base`: series whose law is known, models solved at once."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from byheart.learners.memoryless import Memoryless
from byheart.learners.ridge import Ridge
from byheart.maths.lags.student_code import NEGLIGIBLE
from byheart.probes.applicability import few, uncalibrated
from byheart.probes.dynamics.need import NeedOfData, distinct
from byheart.probes.dynamics.use import BESIDE, Use
from byheart.probes.dynamics.window import Window
from byheart.records.finding import NotApplicable
from byheart.report.cards import About
from byheart.report.cards.dynamics import need
from byheart.report.cards.reasons import advice
from byheart.seeds import stream
from byheart.tasks.windowed_task import Windowed
from byheart.tasks.windows import stretches_of
from byheart.testing.probes import ProbeSuite, bank_of
from byheart.testing.worlds import Bounds, Draw, World, near


@pytest.fixture(scope="module", autouse=True)
def solved_at_once():
    """Beside the model closed forms alone, for the seconds that recurrent networks take."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("gru", "almost-linear-rnn"):
            patch.delitem(BESIDE, name)
        yield


class Lagged(Windowed):
    """x_t = weight x_(t - lag) + e_t, in one channel or more: log2(1 / (1 - weight^2)) / 2 bits a channel, `lag` back."""

    name: ClassVar[str] = "lagged-steps"
    lag: int = 1
    weight: float = 0.8
    steps: int = 500
    channels: int = 1
    noise: int = 0  # further channels of noise

    def draw(self, seed):
        rng = stream(seed, "lagged")
        e = rng.normal(size=(self.steps + 50 * self.lag, self.channels))
        for t in range(self.lag, len(e)):
            e[t] += self.weight * e[t - self.lag]
        series = np.hstack([e[50 * self.lag :], rng.normal(size=(self.steps, self.noise))])
        return self._drawn([series], [f"x{i}" for i in range(series.shape[1])], "t", {"title": "lagged"})


def bits(weight):
    """What the step that tells saves, in bits: log2 of the variance over that of the noise, half."""
    return -np.log2(1 - weight**2) / 2


def world(truth, learner=None, **settings):
    """Draws of a `Lagged` series with ridge regression, and what is true of them."""
    return lambda seed: Draw(Lagged(**settings), learner or Ridge(), truth, members=8, seed=seed)


class OnSeries(ProbeSuite):
    """Poles and doses are series and models: order, ids and names of classes mean nothing here."""

    pole_tolerance = 1e-9
    test_7_names_of_classes_change_nothing = None  # there are none

    @pytest.fixture(scope="class")
    def bank(self, probe):
        return bank_of(probe, Lagged(lag=2), Ridge(), members=8)


class TestNeed(OnSeries):
    """It asks the data alone: poles are what the last step tells whole, and what the longest window alone tells."""

    doses = (1, 3, 6)
    test_8_one_sided_examples_are_not_applicable = None  # it reads no member
    worlds = (
        World("noise", world({"needed_steps": near(0), "saved_bits": near(0, NEGLIGIBLE)}, weight=0.0)),
        World("the last step", world({"needed_steps": near(1), "saved_bits": near(bits(0.8), 0.05)})),
        World("three steps back", world({"needed_steps": near(3), "saved_bits": near(bits(0.8), 0.05)}, lag=3)),
    )

    @pytest.fixture(scope="class")
    def probe(self):
        return NeedOfData()

    def dosed(self, probe, dose):
        return bank_of(probe, Lagged(lag=dose, weight=0.9), Ridge(), members=2)

    def pole(self, probe, name):
        longest = 400 // 20
        return self.dosed(probe, {"memoryless": 1, "window": longest}[name])


class TestUse(OnSeries):
    doses = (1, 3, 6)
    test_8_one_sided_examples_are_not_applicable = None  # it reads test windows, which no member saw
    worlds = (
        World("noise", world({"used_steps": near(0), "used_bits": near(0)}, weight=0.0)),
        World("the last step", world({"used_steps": near(1), "used_bits": near(0)}, lag=1)),
        World("three steps back", world({"used_steps": near(3)}, lag=3)),
        World("the last step of three back", world({"used_steps": Bounds(0, 1)}, Memoryless(centres=0), lag=3)),
    )

    @pytest.fixture(scope="class")
    def probe(self):
        return Use()

    def dosed(self, probe, dose):
        return bank_of(probe, Lagged(lag=dose, window=8, steps=800), Ridge(), members=8)

    def pole(self, probe, name):
        learner = Memoryless(centres=0) if name == "memoryless" else Ridge()
        return bank_of(probe, Lagged(lag=1 if name == "memoryless" else 4, steps=800), learner, members=8)


class TestWindow(OnSeries):
    doses = (2, 6, 20)  # steps of the window, where the last one tells all
    pole_tolerance = 2e-3
    worlds = (
        World("the last step", world({"best_window": near(1)}, window=12)),
        World("all steps", world({"best_window": near(4), "paid_bits": near(0)}, lag=4)),
    )

    @pytest.fixture(scope="class")
    def probe(self):
        return Window()

    def dosed(self, probe, dose):
        return bank_of(probe, Lagged(window=dose, steps=600), Ridge(strength=0), members=8)

    def pole(self, probe, name):
        if name == "memoryless":
            return self.dosed(probe, 12)
        return bank_of(probe, Lagged(lag=4), Ridge(), members=8)


def test_a_window_of_one_step_has_no_shorter_one():
    bank = bank_of(Use(), Lagged(window=1), Ridge(), members=2)
    answer = Window().requires(bank.subject)
    assert isinstance(answer, NotApplicable)
    assert answer.reason.code == "short window"


def test_windows_that_are_shortened_already_are_compared_with_shorter_ones_alone():
    bank = bank_of(Use(), Lagged(window=9, looks_back=3), Ridge(), members=2)
    assert [need.vary.get("task.looks_back") for need in Window().requires(bank.subject)] == [None, 1, 2]


def test_a_random_walk_uses_its_last_step_though_the_change_is_predicted_by_nothing():
    finding, _ = Use().measure(bank_of(Use(), Lagged(weight=1.0), Memoryless(centres=0), members=2))
    assert finding.quantities["used_steps"].value == 1
    assert finding.curves["bits"].y[0] > 1


def test_channels_that_are_still_or_the_same_where_it_is_asked_are_left_out():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 1))
    assert (distinct(np.hstack([x, -2 * x + 1, np.full((50, 1), 3.0)])) == x).all()
    assert distinct(np.full((50, 2), 0.3)).shape == (50, 0)


def test_a_model_of_one_length_of_window_alone_has_no_price_of_it():
    bank = bank_of(Window(), Lagged(), Ridge(), members=8)
    own = bank.subject.bank()
    finding, _ = Window().measure(replace(bank, runs={own.key(): bank[own]}))
    assert finding.withheld.code == "too few points"


def test_what_a_cut_costs_in_one_channel_is_not_hidden_by_a_channel_of_noise():
    alone, beside = (
        Use().measure(bank_of(Use(), Lagged(lag=4, weight=0.95, steps=800, noise=noise), Ridge(), members=4))[0]
        for noise in (0, 1)
    )
    assert beside.quantities["used_steps"].value == alone.quantities["used_steps"].value == 4
    bits = [one.quantities["used_bits"].value for one in (alone, beside)]
    assert bits[1] == pytest.approx(bits[0], abs=0.1)


def test_of_one_member_it_is_this_training_that_is_spoken_of():
    for members, of in ((1, "training"), (2, "recipe")):
        finding, _ = Use().measure(bank_of(Use(), Lagged(steps=400), Memoryless(centres=0), members=members))
        assert {one.speaks_of for one in finding.quantities.values()} == {of}


def test_few_blocks_of_a_series_ask_for_no_other_split():
    bank = bank_of(NeedOfData(), Lagged(steps=200, window=9), Ridge(), members=8)
    said = [advice(why, About()) for why in (few(bank), uncalibrated(bank)) if why is not None]
    assert said
    assert all("shorter --window" in one and "--split" not in one for one in said)


def test_what_is_needed_is_asked_of_the_series_whole_where_models_get_shortened_windows():
    whole, short = (
        NeedOfData().measure(bank_of(NeedOfData(), Lagged(lag=3, window=6, looks_back=back), Ridge(), members=2))[0]
        for back in (0, 2)
    )
    assert short.quantities == whole.quantities
    assert "looks_back of 3 would be enough" in " ".join(need.card(short, About()).body)


class InPieces(Lagged):
    """The same in stretches of 75 steps, each of its own time."""

    name: ClassVar[str] = "lagged-pieces"

    def draw(self, seed):
        whole = Lagged.draw(self, seed)
        series = np.concatenate(stretches_of(whole.train, whole.output))
        return self._drawn(np.split(series, len(series) // 75), ["x0"], "t", {"title": "pieces"})


def test_what_is_needed_is_asked_of_all_stretches_and_the_card_counts_them():
    bank = bank_of(NeedOfData(), InPieces(lag=3, weight=0.9, steps=750), Ridge(), members=2)
    finding, _ = NeedOfData().measure(bank)
    assert finding.quantities["needed_steps"].value == 3
    lengths = [len(one) for one in stretches_of(bank.data.train, bank.data.output)]
    assert len(lengths) > 4
    steps, how = sum(lengths), need.card(finding, About()).how[0]
    assert f"{steps} training steps, in {len(lengths)} stretches whose gaps no window reaches over" in how
    windows = sum(length - finding.details["longest"] for length in lengths)
    assert max(lengths) < finding.quantities["needed_steps"].n < windows
