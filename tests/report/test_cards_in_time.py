"""What the cards of memory in time say of series whose law is known: nothing that is false of one."""

from typing import ClassVar

import numpy as np
import pytest

from byheart.learners.memoryless import Memoryless
from byheart.learners.ridge import Ridge
from byheart.probes.dynamics.need import NeedOfData
from byheart.probes.dynamics.use import BESIDE, Use
from byheart.probes.dynamics.window import Window
from byheart.report.cards import About
from byheart.report.cards.dynamics import need, use, window
from byheart.seeds import stream
from byheart.tasks.windowed_task import Windowed
from byheart.testing.probes import bank_of


@pytest.fixture(scope="module", autouse=True)
def solved_at_once():
    """Beside the model closed forms alone, for the seconds that recurrent networks take."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("gru", "almost-linear-rnn"):
            patch.delitem(BESIDE, name)
        yield


def recursion(step, start, n=520):
    x = list(start)
    while len(x) < n:
        x.append(step(x))
    return np.array(x[20:])[:, None]


LAWS = {
    "a straight line": lambda e: np.arange(500.0)[:, None] / 3,
    "a random walk": lambda e: e[:, :1].cumsum(0),
    "a trend under noise": lambda e: np.arange(500.0)[:, None] / 50 + e[:, :1],
    "Henon": lambda e: recursion(lambda x: 1 - 1.4 * x[-1] ** 2 + 0.3 * x[-2], [0.1, 0.1]),
    "logistic": lambda e: recursion(lambda x: 3.9 * x[-1] * (1 - x[-1]), [0.3]),
    "a ring driven by noise": lambda e: recursion(lambda x: 0.8 * x[-2] + e[len(x) % 500, 0], [0.1, 0.1]),
    "two rings, a little noise": lambda e: np.sin(np.outer(np.arange(500), [0.5, 0.2])).sum(1)[:, None] + e[:, :1] / 10,
    "ten channels of noise": lambda e: e,
    "noise": lambda e: e[:, :1],
    "a sensor stuck at the end": lambda e: np.where(np.arange(500)[:, None] < 400, e[:, :1], 0.3),
}


class Law(Windowed):
    name: ClassVar[str] = "law"
    law: str

    def draw(self, seed):
        series = LAWS[self.law](stream(seed, "law").normal(size=(500, 10)))
        return self._drawn([series], [f"x{i}" for i in range(series.shape[1])], "t", {"title": self.law})


def says(probe, module, law, learner=None):
    finding, _ = probe.measure(bank_of(probe, Law(law=law), learner or Memoryless(centres=0), members=2))
    return " ".join(module.card(finding, About()).body)


@pytest.mark.parametrize("law, words", [
    ("a straight line", "its changes are all the same"),
    ("a random walk", "like those of a random walk"),
    ("a trend under noise", "part of this is its level"),
    ("ten channels of noise", "Asked of 8 of its 10 channels"),
])  # fmt: skip
def test_what_is_so_is_said(law, words):
    assert words in says(NeedOfData(), need, law)


@pytest.mark.parametrize("law, dimension", [
    ("Henon", "unfolds in 2 values, 1 step apart"),
    ("logistic", ""),  # Cao says 2, and one step tells all
    ("a ring driven by noise", ""),  # 8, of the 8 that are asked about
    ("two rings, a little noise", ""),  # 5 by the neighbours, of a torus in 4
])  # fmt: skip
def test_a_dimension_is_told_of_no_noise_and_of_none_that_its_own_steps_contradict(law, dimension):
    body = says(NeedOfData(), need, law)
    assert dimension in body
    assert ("unfolds" in body) == bool(dimension)


def test_a_cut_that_costs_nothing_clear_is_said_to_be_so():
    finding, _ = Use().measure(bank_of(Use(), Law(law="noise"), Ridge(), members=2))
    for ends, words in {
        (-0.01, 0.01): "is as good",
        (0.01, 0.09): "costs 0.05 bits",
        (-0.01, 0.11): "not clear of none",
        (-0.3, -0.1): "mislead",
    }.items():
        bits = finding.quantities["used_bits"].model_copy(update={"value": sum(ends) / 2, "interval": ends})
        told = finding.model_copy(update={"quantities": {**finding.quantities, "used_bits": bits}})
        body = use.card(told, About()).body[0]
        assert words in body
        assert ("not clear" in body) == (words == "not clear of none")


@pytest.mark.parametrize(
    "law, none", [("a sensor stuck at the end", True), ("a straight line", True), ("noise", False)]
)
def test_of_a_test_that_does_not_vary_no_share_of_its_variance_is_said(law, none):
    """All changes of a straight line are the same but for rounding, of which no share means anything."""
    finding, _ = Use().measure(bank_of(Use(), Law(law=law), Memoryless(centres=0), members=2))
    rows = use.card(finding, About()).tables["other models beside it"].rows
    assert [row[-1] == "none" for row in rows] == [none] * len(rows)


@pytest.mark.parametrize("paid, best, bits, words", [
    ((0.03, 0.02, 0.04), 1, (-0.03, -0.04, -0.02), "Memory hurts here: with the last step alone"),
    ((0.005, 0.002, 0.008), 2, (-0.01, -0.02, 0.0), "A window of 2 does as well"),
    ((0.03, -0.01, 0.05), 2, (-0.02, -0.03, 0.0), "whether it does better by 0.01 bits is not clear"),
    ((-0.02, -0.03, -0.01), 4, (0.1, 0.05, 0.2), "No shorter window that was tried does better"),
    ((0.0, 0.0, 0.0), 4, (0.1, 0.05, 0.2), "with the last step alone it costs 0.10 bits more."),
    ((0.0, 0.0, 0.0), 4, (0.1, -0.05, 0.2), "costs 0.10 bits more, which is not clear of none"),
])  # fmt: skip
def test_what_a_window_costs_is_said_as_far_as_it_is_clear(windows_finding, paid, best, bits, words):
    quantities, curve = windows_finding.quantities, windows_finding.curves["bits"]
    changed = {
        "paid_bits": quantities["paid_bits"].model_copy(update={"value": paid[0], "interval": paid[1:]}),
        "best_window": quantities["best_window"].model_copy(update={"value": float(best)}),
    }
    ends = {name: (value, *getattr(curve, name)[1:]) for name, value in zip(("y", "low", "high"), bits)}
    finding = windows_finding.model_copy(
        update={"quantities": changed, "curves": {"bits": curve.model_copy(update=ends)}}
    )
    assert words in window.card(finding, About()).body[0]


@pytest.fixture(scope="module")
def windows_finding():
    probe = Window()
    return probe.measure(bank_of(probe, Law(law="noise"), Ridge(), members=8))[0]
