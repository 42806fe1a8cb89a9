"""Names of quantities: one probe has each, so that a gate, a claim or a verdict need not say whose it means."""

import re
from collections import defaultdict

import pytest

from byheart.learners.mlp import Mlp
from byheart.learners.ngram import Ngram
from byheart.maths.measures import ROWS
from byheart.probes.generalization.measures import named
from byheart.records.finding import Finding
from byheart.records.quantity_names import NAMES, PROBE_OF
from byheart.registry import find, names
from byheart.tasks.canaries import Canaries
from byheart.tasks.digits import Digits
from byheart.tasks.in_phases import InPhases
from byheart.tasks.label_noise import Flipped
from byheart.tasks.modular import Modular
from byheart.tasks.randomness import Randomness
from byheart.tasks.systems.observed_maps import ObservedHenon
from byheart.testing.worlds import WORLDS
from byheart.testing.worlds.base import Draw

VALUES = [world for world in WORLDS if world.name in ("Gaussian values", "log-normal values")]
SUBJECTS = [
    Draw(Flipped(task=Digits(n=150), share=0.2, control=True), Mlp(hidden=(8,), epochs=5), {}, members=16),
    Draw(InPhases(task=Digits(n=150)), Mlp(hidden=(8,), epochs=4), {}, members=8),
    Draw(Canaries(), Ngram(), {}, members=8),
    Draw(Randomness(), Ngram(), {}, members=8),
    Draw(ObservedHenon(n=500, n_test=250, n_validation=0, window=2), Mlp(hidden=(32,), epochs=25, lr=0.02), {}, members=8),
    Draw(Modular(p=11, share=0.9), Mlp(embedding=32, hidden=(64,), epochs=60, lr=0.05, batch=100), {}, members=3),
    *(world.at(0) for world in VALUES),
]


# told of learners with parameters, or where enough labels can be checked, which these subjects are too small for
ELSEWHERE = {"bits_held_a_parameter", "worth_checking_share", "planted_listed", "planted_precision"}
# told of gaps that differ, of features that move, of a peak inside a grid of sizes with theory beside it
# of tables that are understood late
ELSEWHERE |= {"generalised_step", "delay_ratio"}
ELSEWHERE |= {"ranked_right", "kernel_velocity_whole", "linearised_r2", "peak_at", "peak_error", "folded_prominence", "theory_gap"} | {"error"}
# baselines, proxies, measures and their references are many, and named with their probe
OF_BASELINES = re.compile(
    r"(neighbours|ridge|ngram|linear|boosted|trees?|plain|early_stop|weight_decay|dropout|label_smoothing|mixup|input_noise|sam|pruning)_|.*_(spearman|recall|planted_auc)(_|$)|exposure_\d+_bits|(noise|epoch)_\d.*_gap"
    "|" + "|".join(f"{named(name)}$" for name in ROWS)
)


def owners(answers):
    """Name of a quantity -> the probes that have one of that name."""
    found = defaultdict(set)
    for answer in answers:
        for name in answer.quantities if isinstance(answer, Finding) else ():
            found[name].add(answer.probe)
    return found


@pytest.fixture(scope="module")
def answers():
    return [draw.measure(find("probe", name)()) for draw in SUBJECTS for name in names("probe")]


def test_no_two_probes_have_a_quantity_of_one_name(answers):
    found = owners(answers)
    assert {name: probes for name, probes in found.items() if len(probes) > 1} == {}
    assert set().union(*found.values()) == set(names("probe"))  # each was measured somewhere


def test_a_name_that_two_have_is_found(answers):
    one = next(answer for answer in answers if isinstance(answer, Finding) and answer.quantities)
    twin = one.model_copy(update={"probe": "weather/skill"})
    assert any(len(probes) > 1 for probes in owners([*answers, twin]).values())


def test_the_names_that_a_gate_knows_without_a_number_are_those_that_probes_give(answers):
    found = {name: next(iter(probes)) for name, probes in owners(answers).items()}
    assert len(PROBE_OF) == sum(len(names.split()) for names in NAMES.values())  # each name once
    assert set(PROBE_OF) - set(found) <= ELSEWHERE
    assert {name: probe for name, probe in found.items() if PROBE_OF.get(name, probe) != probe} == {}
    lacking = [name for name in found if name not in PROBE_OF and not OF_BASELINES.match(name)]
    assert lacking == [], "list them in records/quantity_names.py"
