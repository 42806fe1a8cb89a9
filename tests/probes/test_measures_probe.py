"""Measures: the probe's promises, its poles, what random labels do to them, and where they do not apply."""

import math
from dataclasses import replace

import numpy as np
import pytest

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


@pytest.fixture(scope="module")
def clean():
    return bank_of(Measures.by_default(), Digits(n=200), LEARNER, members=12)


class TestMeasures(ProbeSuite):
    dosed_quantity = "one_model_gap"
    # the one model saw everything: there is no left-out side
    test_8_one_sided_examples_are_not_applicable = None

    @pytest.fixture(scope="class")
    def probe(self):
        return Measures.by_default()

    @pytest.fixture(scope="class")
    def bank(self, clean):
        return clean

    def pole(self, probe, name):
        """A subject whose own labels are all redrawn is its reference; a reference of three times the weights."""
        if name == "random labels":
            return bank_of(probe, Flipped(task=Digits(n=200), share=1.0), LEARNER, members=12)
        bank = bank_of(probe, Digits(n=200), LEARNER, members=12)
        own, (noise,) = bank[probe.own(bank.subject)], probe.references(bank.subject).values()
        rng = np.random.default_rng(0)  # larger, and of no direction: the norms grow, and their ratio to the spectral norm
        larger = {name: 3 * w + rng.normal(0, 1, w.shape) for name, w in own.kept[END.label].arrays.items()}
        return replace(bank, runs={**bank.runs, noise.key(): bank[noise].with_kept(END.label, larger)})

    def dosed(self, probe, dose):
        return bank_of(probe, Flipped(task=Digits(n=200), share=dose), Mlp(hidden=(64,), epochs=60, lr=0.02), members=12)


def test_the_values_are_those_of_the_kept_model(clean):
    probe = Measures.by_default()
    finding, _ = probe.measure(clean)
    model = module_at(LEARNER, clean.data, clean[probe.own(clean.subject)], END.label).module
    found = compute(model, names=["param-norm"])["param-norm"]
    assert finding.quantities["param_norm"].value == pytest.approx(found.log_value / math.log(10), rel=1e-12)


def test_a_table_of_neighbours_has_no_weights():
    subject = bank_of(Measures.by_default(), Digits(n=100), LEARNER, members=8).subject
    subject = type(subject)(subject.task, Neighbours(), offers=subject.offers)
    assert isinstance(Measures.by_default().requires(subject), NotApplicable)


def test_the_gap_is_that_of_the_one_model(clean):
    probe = Measures.by_default()
    finding, _ = probe.measure(clean)
    views = clean[probe.own(clean.subject)].views
    train, test = (float(views[view].correct[-1, 0].mean()) for view in ("train", "test"))
    gap = finding.quantities["one_model_gap"]
    assert gap.value == pytest.approx(train - test, abs=1e-12)
    assert gap.interval[0] < gap.value < gap.interval[1]
