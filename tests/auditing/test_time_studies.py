"""Studies of memory in time: small forms of them, with the outcomes that mathematics asks for."""

import pytest

from byheart.auditing.claims import claim_named
from byheart.auditing.studies import study
from byheart.auditing.surveys import check_quantities
from byheart.errors import UnknownName
from byheart.probes.dynamics.orbit import Orbit
from byheart.records.quantity import Quantity
from byheart.tasks.recall.solved import ERROR
from byheart.tasks.recall.versions import SCHMIDT, of_sum
from byheart.verdicts.claim_checks import judge

SMALL = {"task.n": 700, "task.window": 8}
BRIEF = {
    "task.n": 1500, "task.n_test": 400, "task.window": 8, "task.dt": 0.02, "task.noise": 0.2, "members": 6,
    "probes": ["dynamics/orbit:steps=300"],
}  # fmt: skip


def part_of(name, subjects, values):
    """A claim of some of its subjects, and of the expectations that read no others."""
    called, claim = claim_named(name, values)
    kept = tuple(one for one in claim.expect if {subject for subject, _ in claim.reads(one)} <= {*subjects})
    return called, claim.model_copy(update={"subject": {one: claim.subject[one] for one in subjects}, "expect": kept})


@pytest.fixture(scope="module")
def hurts(tmp_path_factory):
    few = part_of("memory-hurts", ["whole-many", "part-many"], SMALL)
    return study(*few, tmp_path_factory.mktemp("hurts"), device="cpu")


@pytest.fixture(scope="module")
def forcing(tmp_path_factory):
    few = part_of("teacher-forcing", ["plain", "generalised"], BRIEF)
    return study(*few, tmp_path_factory.mktemp("forcing"), device="cpu")


def windows(found, subject):
    one = next(one for one in found.subjects if one.name == subject)
    return one.findings["dynamics/window"]


def test_where_the_state_is_seen_whole_memory_hurts_and_where_it_is_not_one_step_fails(hurts):
    assert not hurts.partial
    assert [one.outcome for one in hurts.outcomes] == ["held", "held"]
    whole, part = (windows(hurts, name)["quantities"] for name in ("whole-many", "part-many"))
    assert whole["one_step_bits"]["interval"][1] < 0 < part["one_step_bits"]["interval"][0]
    assert whole["best_window"]["value"] < part["best_window"]["value"]


def test_what_one_step_costs_is_the_first_point_of_the_curve(hurts):
    for name in ("whole-many", "part-many"):
        found = windows(hurts, name)
        assert found["quantities"]["one_step_bits"]["value"] == found["curves"]["bits"]["y"][0]
        assert found["curves"]["bits"]["x"][0] == 1


def test_few_and_many_differ_in_what_they_learn_from_alone():
    _, claim = claim_named("memory-hurts")
    for name, few in claim.subject.items():
        if name.endswith("few"):
            many = claim.subject[name.replace("few", "many")]
            assert few.model_copy(update={"share": many.share, "says": many.says}) == many
            assert few.share < many.share


@pytest.mark.parametrize("name, of, needed", [("climate", "sunspots", 2), ("brain", "left", 2)])
def test_few_steps_of_sunspots_and_of_a_brain_are_needed(name, of, needed, tmp_path):
    found = study(*part_of(name, [of], {"members": 8}), tmp_path, device="cpu")
    assert not found.partial
    assert "not held" not in [one.outcome for one in found.outcomes]
    assert found.outcomes[0].outcome == "held"
    assert found.subjects[0].findings["dynamics/need"]["quantities"]["needed_steps"]["value"] == needed


def test_plain_forcing_errs_less_one_step_ahead_and_is_judged_by_its_free_runs(forcing):
    assert not forcing.partial
    error, *of_runs = forcing.outcomes
    assert error.outcome == "held"
    assert {path.path for one in of_runs for path in one.readings} == {
        "dynamics/orbit/state_divergence", "dynamics/orbit/spectrum_distance"
    }  # fmt: skip
    assert all(reading.quantity is not None for one in of_runs for reading in one.readings)


def test_what_runs_that_rest_do_not_allow_is_withheld_and_no_wrong_word():
    _, claim = claim_named("teacher-forcing")
    share = Quantity(value=0.0, unit="share", interval=None, null=None, n=32, why_no_interval="no spread")
    rest = {"dynamics/orbit": Orbit().finding({"lasting_share": share})}
    check_quantities(claim, "plain", rest)
    far = judge(claim, claim.expect[2], {"plain": rest, "generalised": rest})
    assert (far.outcome, far.readings[0].reason.code) == ("withheld", "no quantity")
    wrong = claim.expect[2].model_copy(update={"quantity": "dynamics/orbit/lasting_shore"})
    with pytest.raises(UnknownName, match="lasting_share"):
        check_quantities(claim.model_copy(update={"expect": (wrong,)}), "plain", rest)


def test_plain_sparse_and_generalised_differ_in_forcing_alone():
    _, claim = claim_named("teacher-forcing")
    told = {}
    for name in ("plain", "generalised", "sparse"):
        settings = dict(claim.subject[name].learner_settings)
        told[name] = [settings.pop(one, None) for one in ("forcing", "alpha", "every")]
        assert settings == {"optimizer": "radam", "epochs": 16}
        same = {"learner_settings": {}, "says": ""}
        assert claim.subject[name].model_copy(update=same) == claim.subject["plain"].model_copy(update=same)
    assert told == {
        "plain": ["constant", 1.0, None], "generalised": ["constant", 0.1, None], "sparse": ["sparse", None, 16]
    }  # fmt: skip


@pytest.mark.parametrize("name", ["memory-hurts", "climate", "brain"])
def test_each_says_what_cannot_be_claimed(name):
    _, claim = claim_named(name)
    assert {"memory-hurts": "qualification", "climate": "nothing is said", "brain": "nothing is said"}[
        name
    ] in claim.note


def test_addition_takes_initialisation_and_regulariser_apart_and_says_its_chance_line():
    _, claim = claim_named("addition")
    apart = {}
    for name in ("neither", "initialisation", "regulariser", "both"):
        settings = dict(claim.subject[f"{name}-50"].learner_settings)
        apart[name] = settings.pop("attractor_begin", False), settings.pop("attractor", 0) > 0
        assert settings.pop("attractor_inputs", 1) == (0.01 if apart[name][0] else 1)
        assert settings == claim.subject["neither-50"].learner_settings
    assert apart == {
        "neither": (False, False), "initialisation": (True, False), "regulariser": (False, True), "both": (True, True)
    }  # fmt: skip
    of_100 = {one: dict(claim.subject[f"{one}-100"].learner_settings) for one in ("neither", "regulariser", "both")}
    assert of_100["regulariser"] == of_100["neither"] | {"attractor": 50}
    assert of_100["both"] == of_100["regulariser"] | {"attractor_begin": True, "attractor_inputs": 0.01}
    solved = {one.above for one in claim.expect if "solve" in one.says}
    assert solved == {round(1 - ERROR / of_sum(SCHMIDT).error, 9)}  # as a share of the variance, of which chance is 0
    assert "1/6" in claim.note
