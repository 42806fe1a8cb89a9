"""Measures: the probe's promises, its poles, what random labels do to them, and where they do not apply."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from byheart.learners.base import Network
from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.maths.measures import compute
from byheart.probes.generalization.measures import END, Measures
from byheart.records.finding import NotApplicable
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.testing.probes import ProbeSuite, bank_of
from byheart.training.kept_module import module_at

LEARNER = Mlp(hidden=(16,), epochs=8, lr=0.02)
AGAINST_NOISE = Measures(search=False, epochs=False, noise=(0.5,))


@pytest.fixture(scope="module")
def clean():
    return bank_of(Measures.by_default(), Digits(n=200), LEARNER, members=12)


class TestMeasures(ProbeSuite):
    """Its poles are outcomes: a reference of larger gap whose measures are all larger, or all smaller."""

    dosed_quantity = "one_model_gap"
    # the one model saw everything: there is no left-out side
    test_8_one_sided_examples_are_not_applicable = None

    @pytest.fixture(scope="class")
    def probe(self):
        return Measures.by_default()

    @pytest.fixture(scope="class")
    def bank(self, clean):
        return clean

    def test_5_poles_sit_at_the_ends(self, probe):
        super().test_5_poles_sit_at_the_ends(AGAINST_NOISE)

    def pole(self, probe, name):
        bank = bank_of(probe, Digits(n=200), LEARNER, members=12)
        own, noise = (model.need for model in probe.models(bank.subject).values())
        rng = np.random.default_rng(0)  # larger, and of no direction: norms grow, and their ratio to the spectral norm
        kept = bank[own].kept[END.label].arrays
        larger = {name: 3 * w + rng.normal(0, 1, w.shape) for name, w in kept.items()}
        to = noise if name == "as the gaps" else own
        runs = {**bank.runs, noise.key(): of_gap(bank[noise].with_kept(END.label, dict(kept)), 1.0)}
        runs[own.key()] = of_gap(bank[own], 0.0)
        return replace(bank, runs={**runs, to.key(): runs[to.key()].with_kept(END.label, larger)})

    def dosed(self, probe, dose):
        """What the gap must follow: the more labels are redrawn, the more is learned by heart."""
        return bank_of(probe, Flipped(task=Digits(n=200), share=dose), Mlp(hidden=(64,), epochs=60, lr=0.02), members=12)


def of_gap(run, gap):
    """The run with outcomes of this gap: all right in training, this share wrong in the test."""
    right = {view: np.ones_like(outcomes.correct) for view, outcomes in run.views.items()}
    right["test"][..., : round(gap * right["test"].shape[-1])] = False
    return replace(run, views={view: replace(outcomes, correct=right[view]) for view, outcomes in run.views.items()})


def test_the_values_are_those_of_the_kept_model(clean):
    probe = Measures.by_default()
    finding, _ = probe.measure(clean)
    model = module_at(LEARNER, clean.data, clean[probe.models(clean.subject)["one model"].need], END.label).module
    found = compute(model, names=["param-norm"])["param-norm"]
    assert finding.quantities["param_norm"].value == pytest.approx(found.log_value / math.log(10), rel=1e-12)


def test_gaps_that_overlap_rank_nothing(clean):
    probe = Measures.by_default()
    bank = replace(clean, runs={key: of_gap(run, 0.1) for key, run in clean.runs.items()}, drawn={})
    finding, _ = probe.measure(bank)
    assert finding.status == "withheld"
    assert finding.withheld.code == "gaps alike"
    assert "param_norm" in finding.quantities  # what is measured stays


def test_new_labels_count_as_redrawn_as_often():
    """With half of the labels redrawn over k classes, a clean test accuracy a is (1 - 1/2) a + 1/2k on such labels."""
    probe = AGAINST_NOISE
    bank = bank_of(probe, Digits(n=200), LEARNER, members=12)
    noise = probe.models(bank.subject)["noise 0.5"].need
    made = replace(bank, runs={**bank.runs, noise.key(): of_gap(bank[noise], 0.25)})
    test = bank[noise].views["test"].correct.shape[-1]
    accuracy = 1 - round(0.25 * test) / test
    gap = probe.measure(made)[0].quantities["noise_0_5_gap"]
    assert gap.value == pytest.approx(1 - (0.5 * accuracy + 0.5 / 10), abs=1e-12)


def test_a_table_of_neighbours_has_no_weights():
    subject = bank_of(Measures.by_default(), Digits(n=100), LEARNER, members=8).subject
    subject = type(subject)(subject.task, Neighbours(), offers=subject.offers)
    assert isinstance(Measures.by_default().requires(subject), NotApplicable)


class OwnProduct(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(64, 10))

    def forward(self, x):
        return x.flatten(1) @ self.w


class Bare(Network):
    """A learner whose module has weights and no layer."""

    name = "bare"

    def build(self, data, generator):
        return OwnProduct()


def test_a_model_without_layers_does_not_apply():
    finding, _ = (probe := Measures.by_default()).measure(bank_of(probe, Digits(n=60), Bare(epochs=1), members=8))
    assert isinstance(finding, NotApplicable)
    assert "OwnProduct" in finding.reason.figures["why"]


def test_the_same_model_at_earlier_epochs_stands_beside_it(clean):
    """Its gap is that of the outcomes at that checkpoint, its measures those of the weights that were kept there."""
    probe = Measures.by_default()
    models = probe.models(clean.subject)
    assert list(models) == ["one model", "epoch 1", "epoch 3"]
    finding, _ = probe.measure(clean)
    run, first = clean[models["epoch 1"].need], models["epoch 1"]
    train, test = (float(run.views[view].correct[1, 0].mean()) for view in ("train", "test"))
    assert finding.quantities["epoch_1_gap"].value == pytest.approx(train - test, abs=1e-12)
    evidence = probe.evidence(clean, first)
    model = module_at(LEARNER, clean.data, run, first.keep.label).module
    assert evidence.layers[0].weight.float().equal(next(p for p in model.parameters() if p.dim() == 2))
    assert len(clean.runs) == 1  # nothing is trained for it
