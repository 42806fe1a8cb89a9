"""Curvature keeps the promises of a probe; its poles are weights whose curvature is known by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from byheart.learners.base import Network
from byheart.learners.mlp import Mlp, drawn
from byheart.learners.neighbours import Neighbours
from byheart.maths.curvature import density, top_eigenvalues, trace
from byheart.probes.generalization.curvature import END, START, Curvature
from byheart.records.finding import NotApplicable
from byheart.report.cards import About, card_of
from byheart.tasks.arrays import Arrays
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.testing.banks import reordered
from byheart.testing.probes import ProbeSuite, bank_of
from byheart.training.kept_module import module_at

NET = Mlp(hidden=(8,), epochs=12, lr=0.03)


class NoBias(Network):
    """One matrix."""

    name = "no-bias"
    epochs: int = 1

    def build(self, data, generator):
        return nn.Sequential(nn.Flatten(), drawn(nn.Linear, generator, data.train.x[0].size, data.output.k, bias=False))


def unit_vectors(n=120):
    """Each example its own direction, as long as the others."""
    x, y = np.eye(n, dtype=np.float32), np.arange(n) % 3
    return Arrays.of(x, y, x, y, task="classes")


def without_weights(bank, probe):
    """All weights zero at the end: every class is as likely everywhere."""
    run = bank[probe.model(bank.subject)]
    zero = {name: np.zeros_like(w) for name, w in run.kept[END.label].arrays.items()}
    return replace(bank, runs={**bank.runs, probe.model(bank.subject).key(): run.with_kept(END.label, zero)})


@pytest.fixture(scope="module")
def digits():
    return bank_of(Curvature(), Digits(n=150), NET, members=2)


class TestCurvature(ProbeSuite):
    doses = (0.5, 0.2, 0.0)  # the fewer labels are redrawn, the more classes stand out
    test_8_one_sided_examples_are_not_applicable = None  # the one model saw everything

    @pytest.fixture(scope="class")
    def probe(self):
        return Curvature()

    @pytest.fixture(scope="class")
    def bank(self, digits):
        return digits

    def pole(self, probe, name):
        """Without weights only the biases of the outputs count; without biases, unit vectors one as much as another."""
        if name == "few directions":
            return without_weights(bank_of(probe, Digits(n=150), NET, members=2), probe)
        return without_weights(bank_of(probe, unit_vectors(), NoBias(), members=2), probe)

    def dosed(self, probe, dose):
        return bank_of(probe, Flipped(task=Digits(n=150), share=dose), NET, members=2)


def test_its_numbers_are_those_of_the_kept_model(digits):
    finding, _ = Curvature().measure(digits)
    run = digits[Curvature().model(digits.subject)]
    for when, of in ((END, lambda q: q.value), (START, lambda q: q.null)):
        kept = module_at(NET, digits.data, run, when.label)
        examples = (kept.trained_on, torch.as_tensor(digits.data.train.y))
        top, whole = top_eigenvalues(kept.module, examples, "ggn", k=10).sum(), trace(kept.module, examples, "ggn")
        expected = {
            "outlier_share": top / whole, "trace_of_ggn": whole, "trace_of_hessian": trace(kept.module, examples),
            "sharpness": top_eigenvalues(kept.module, examples)[0],
        }  # fmt: skip
        for name, value in expected.items():
            assert of(finding.quantities[name]) == pytest.approx(value, rel=1e-6), name
    kept = module_at(NET, digits.data, run, END.label)
    spectrum = density(kept.module, (kept.trained_on, torch.as_tensor(digits.data.train.y)))
    assert finding.quantities["downward_share"].value == pytest.approx(spectrum.negative, rel=1e-6)
    near = [y for y in finding.curves["spectrum"].y if y is not None]
    assert max(near) == pytest.approx(spectrum.density.max() * 610 * spectrum.width * (2 * np.pi) ** 0.5, rel=0.2)


def test_what_is_estimated_has_an_interval_that_holds_the_exact(digits):
    exact, _ = Curvature().measure(digits)
    wide = bank_of(Curvature(), Digits(n=60), Mlp(hidden=(28,), epochs=4, lr=0.02), members=2)
    finding, _ = Curvature(examples=50, draws=16).measure(wide)
    assert finding.details["way"] == "curvlinops"
    assert (finding.details["examples"], finding.details["of"]) == (50, 60)
    whole = finding.quantities["trace_of_ggn"]
    spread = (whole.interval[1] - whole.value) / whole.value  # its top is exact
    for name in ("outlier_share", "trace_of_ggn", "trace_of_hessian", "downward_share"):
        low, high = finding.quantities[name].interval
        assert low < finding.quantities[name].value < high
        if name != "downward_share":
            spare = (high - low) / 2 / finding.quantities[name].value
            assert spare == pytest.approx(spread, rel=0.1) if name == "outlier_share" else 0 < spare < 0.2
        assert exact.quantities[name].interval is None
        assert exact.quantities[name].why_no_interval == "one model"


def test_which_examples_are_read_does_not_depend_on_their_order(digits):
    probe = Curvature(examples=60)
    (found, _), (turned, _) = (probe.measure(bank) for bank in (digits, reordered(digits)[0]))
    assert found.quantities["trace_of_ggn"].n == 60
    for name, quantity in found.quantities.items():
        assert turned.quantities[name].value == pytest.approx(quantity.value, rel=1e-6), name


def test_weights_without_any_curvature_are_withheld(digits):
    """One class is certain everywhere."""
    run = digits[Curvature().model(digits.subject)]
    sure = {name: np.zeros_like(w) for name, w in run.kept[END.label].arrays.items()}
    bias = next(name for name in sure if sure[name].shape[1:] == (10,))
    sure[bias][..., 0] = 1e4
    made = replace(digits, runs={Curvature().model(digits.subject).key(): run.with_kept(END.label, sure)})
    finding, _ = Curvature().measure(made)
    assert (finding.status, finding.withheld.code) == ("withheld", "undefined")


def test_a_table_of_neighbours_has_no_weights(digits):
    subject = replace(digits.subject, learner=Neighbours())
    assert isinstance(Curvature().requires(subject), NotApplicable)


def test_the_card_says_how_few_directions(digits):
    finding, _ = Curvature().measure(digits)
    card = card_of(finding, About())
    assert card.says == "of the curvature lies in 10 of 610 directions, one for each class"
    assert len(card.tables["The largest eigenvalues"].rows) == 10
    assert card.charts[0].lines[0].x[0] < 0 < card.charts[0].lines[0].x[-1]
