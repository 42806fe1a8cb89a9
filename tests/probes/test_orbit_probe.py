"""Free runs of models whose law is known: what they are, how long they stay, and whether a replay is called one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from byheart.learners.torch_module import FromFactory
from byheart.probes.base import Bank, Subject
from byheart.probes.dynamics.orbit import Orbit
from byheart.probes.dynamics.orbit.distances import new
from byheart.records.axes import Kept
from byheart.records.finding import Finding
from byheart.report.cards import About
from byheart.report.cards.dynamics.orbit import card
from byheart.tasks.systems.observed import true_step
from byheart.tasks.systems.observed_flows import ObservedVanDerPol
from byheart.tasks.systems.observed_maps import ObservedHenon, ObservedLogistic
from byheart.tasks.windows import stretches_of
from byheart.training.free_orbits import AXES
from byheart.training.keep import FreeOrbits
from byheart.training.members import subsets
from byheart.training.run import Outcomes, Run
from byheart.training.training import Training

LOGISTIC = ObservedLogistic(n=800, n_test=400, n_validation=0, window=2)


class Law(nn.Module):
    """A fixed law of the last step in the units of training; its one parameter changes nothing."""

    def __init__(self, law):
        super().__init__()
        self.law, self.idle = law, nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.law(x) + 0 * self.idle


def kept(task, law, steps=200, runs=3, m=2):
    """What members of a fixed law leave when left to themselves, with the data."""
    data, run = trained(task, law, steps, runs, m)
    return data, run.kept[FreeOrbits(steps=steps, runs=runs).label].arrays


def trained(task, law, steps, runs, m):
    """The data, and the run of members of a fixed law."""
    data = task.draw(0)
    centre, scale = data.output.units(data.train.y)  # the loop asks networks for standardised targets

    def said(x):
        wanted = data.output.targets(x.double().numpy(), law(x.double().numpy(), data))
        return torch.from_numpy(((wanted - centre) / scale).astype(np.float32))

    learner = FromFactory.of(lambda: Law(said)).model_copy(update={"epochs": 1, "lr": 1e-9})
    members = subsets("all", len(data.train), m, 1.0, 0)
    keep = FreeOrbits(steps=steps, runs=runs)
    return data, learner.fit(data, members, Training((1,), 0, (keep,), way="each"))


def still(x, data):
    return x[..., -1, :]


def leaves(x, data):
    return 2 * x[..., -1, :] + 1


def true_logistic(x, data):
    centre, scale = np.array(data.about["centre"]), np.array(data.about["scale"])
    state = x[..., -1, :] * scale + centre
    return (4 * state * (1 - state) - centre) / scale


def henon_of_x(x, data):
    """What follows two steps of x: 1 - 1.4 x_t^2 + 0.3 x_(t-1)."""
    centre, scale = np.array(data.about["centre"]), np.array(data.about["scale"])
    last, before = (x[..., place, :] * scale + centre for place in (-1, -2))
    return (1 - 1.4 * last**2 + 0.3 * before - centre) / scale


def test_free_runs_are_the_law_fed_back():
    data, found = kept(ObservedHenon(n=400, n_test=100, n_validation=0, window=3, observed=("x",)), henon_of_x, steps=8)
    assert found["orbits"].shape == (2, 3, 8, 1)
    for place, row in enumerate(found["begins"]):
        window = data.views["test"].x[row].astype(np.float32).astype(float)
        for step in range(8):
            window = np.concatenate([window[1:], henon_of_x(window[None], data)])
            # each step of a float32 network errs by 1e-7, and chaos doubles that
            assert found["orbits"][0, place, step] == pytest.approx(window[-1], abs=1e-6 * 4**step)
    assert np.array_equal(found["orbits"][0], found["orbits"][1])


def test_no_change_stays_where_it_is():
    """Where the target is the change, the last step is added to it."""
    data, found = kept(ObservedVanDerPol(n=300, n_test=100, n_validation=0, window=2), still, steps=5)
    assert data.output.carried == (1.0, 1.0)
    last = data.views["test"].x[found["begins"], -1]
    assert found["orbits"][0] == pytest.approx(np.repeat(last[:, None], 5, 1), abs=1e-5)


def test_what_leaves_is_not_a_number_from_there_on():
    _, found = kept(LOGISTIC, leaves, steps=40)
    gone = np.isnan(found["orbits"]).any(-1)
    assert gone[..., -1].all()
    assert not gone[..., 0].any()
    assert (np.diff(gone.astype(int), axis=-1) >= 0).all()


def answer(law, task=LOGISTIC, steps=300, m=8):
    """The finding on models of a fixed law."""
    data, run = trained(task, law, steps, 4, m)
    probe = Orbit(steps=steps)
    subject = Subject(
        task=task, learner=FromFactory.of(lambda: Law(law)), members=m, offers=frozenset({"next step", "test"})
    )
    (need,) = probe.requires(subject)
    bank = Bank(subject, data, {need.key(): run})
    finding, _ = probe.measure(bank)
    assert isinstance(finding, Finding)
    return finding


def _run(data, m, kept_):
    members = subsets("all", len(data.train), m, 1.0, 0)
    views = {name: Outcomes(loss_nats=np.zeros((1, m, len(view)), np.float32)) for name, view in data.views.items()}
    return Run(members, (0,), views, kept=kept_)


def test_the_true_law_is_of_the_kind_of_the_series_and_at_the_floor():
    finding = answer(true_logistic, ObservedLogistic(n=1600, n_test=500, n_validation=0, window=2), steps=400, m=4)
    kinds = {row["kind"]: row["runs"] for row in finding.tables["kinds"].rows()}
    assert finding.details["kind"] == "chaos"
    assert set(kinds) <= {"chaos", "unclear"}
    assert kinds["chaos"] > kinds.get("unclear", 0)
    divergence = finding.quantities["state_divergence"]
    assert divergence.value <= finding.details["state_divergence_floor"]
    assert finding.quantities["lasting_share"].value == 1
    # the error of float32 doubles at each step: 1e-7 2^k reaches 0.4 deviations at about k = 22
    assert 15 < finding.quantities["valid_steps"].value < 35


@pytest.mark.parametrize("law, kind", [(still, "fixed point"), (leaves, "divergence")])
def test_what_rests_or_leaves_is_classified_and_not_averaged(law, kind):
    finding = answer(law)
    assert {row["kind"] for row in finding.tables["kinds"].rows()} == {kind}
    assert finding.quantities["lasting_share"].value == 0
    assert not {"state_divergence", "spectrum_distance", "novelty"} & set(finding.quantities)
    assert finding.headline == "lasting_share"


def test_a_replay_of_the_record_has_novelty_0_and_the_system_1():
    task = ObservedHenon(n=1200, n_test=600, n_validation=0, window=2)

    def replay(x, data):
        (record,) = stretches_of(data.train, data.output)
        near = ((x[..., -1, :].reshape(-1, 1, 2) - record[:-1]) ** 2).sum(-1).argmin(1)
        return record[near + 1].reshape(*x.shape[:-2], -1)

    def henon(x, data):
        return true_step(data)(x[..., -1, :])

    told = {law.__name__: answer(law, task, m=3, steps=400) for law in (replay, henon)}
    found = {name: finding.quantities["novelty"].value for name, finding in told.items()}
    assert found["replay"] < 0.05
    assert 0.6 < found["henon"] < 1.6
    body = {name: " ".join(card(finding, About()).body) for name, finding in told.items()}  # members of a law are alike
    assert "It replays the record" in body["replay"]
    assert "It is no replay of the record" in body["henon"]


def test_novelty_counts_the_runs_that_it_is_of():
    """A run may leave after the steps by which it was classified; nothing is said of that one."""
    data = LOGISTIC.draw(0)
    train, test = (max(stretches_of(data.views[view], data.output), key=len) for view in ("train", "test"))
    orbits = np.stack([np.stack([train[:300], train[50:350]])] * 2)
    orbits[0, 0, 250:] = np.nan
    found = new(orbits, np.ones((2, 2), bool), train, test, {})["novelty"]
    assert found.n == 3


def test_a_users_own_training_is_followed_too():
    """`fit` and a scikit-learn estimator, called on windows as they are given them."""
    from sklearn.linear_model import Ridge

    from byheart.learners.estimator import Estimator
    from byheart.learners.userfit import UserFit
    from byheart.testing.banks import bank_of

    def fit(x, y, seed):
        flat = Ridge(alpha=1e-9).fit(x.reshape(len(x), -1), y)
        return lambda new: flat.predict(new.reshape(len(new), -1))

    task = ObservedVanDerPol(n=400, n_test=150, n_validation=0, window=2, dt=0.1)
    probe = Orbit(steps=120)
    found = []
    for learner in (UserFit.of(fit), Estimator.of(Ridge(alpha=1e-9))):
        bank = bank_of(probe, task, learner, members=8)
        (need,) = probe.requires(bank.subject)
        found.append(bank[need].kept[probe._keep().label].arrays["orbits"])
        finding, _ = probe.measure(bank)
        assert finding.status == "measured"
    assert found[0].shape == (8, 4, 120, 2)
    assert found[0] == pytest.approx(found[1], nan_ok=True)


def test_a_test_that_holds_training_steps_is_not_scored():
    data, found = kept(LOGISTIC, true_logistic, steps=200)
    views = {**data.views, "test": data.train}
    subject = Subject(
        task=LOGISTIC, learner=FromFactory.of(lambda: Law(still)), members=2, offers=frozenset({"next step", "test"})
    )
    probe = Orbit(steps=200)
    (need,) = probe.requires(subject)
    run = _run(data, 2, {probe._keep().label: Kept(found, AXES)})
    finding, _ = probe.measure(Bank(subject, replace(data, views=views), {need.key(): run}))
    assert finding.status == "withheld"
    assert finding.withheld.code == "leaked series"


@pytest.mark.parametrize("part, left", [(1.0, 0.0), (0.5, 0.25), (0.0, 1.0), (2.0, 1.0)])
def test_a_part_of_the_change_leaves_the_square_of_the_rest(part, left):
    """Where the target is the change, whose mean is near 0: (1 - part)^2 of its variance."""

    def partly(x, data):
        last = x[..., -1, :]
        return last + part * (true_step(data)(last) - last)

    task = ObservedVanDerPol(n=400, n_test=300, n_validation=0, window=2, dt=0.1)
    finding = answer(partly, task, steps=120, m=2)
    found = finding.quantities["one_step_error"]
    assert "One step ahead it leaves" in " ".join(card(finding, About()).body)
    assert found.value == pytest.approx(left, abs=1e-2 * left + 1e-6)
    assert (found.unit, found.null, found.n) == ("share", 1.0, 298)


def test_the_error_of_one_step_spreads_over_members():
    data, found = kept(LOGISTIC, still, steps=150, runs=4, m=2)
    probe, variance = Orbit(steps=150), data.output.in_units(data.views["test"].y).var(0).mean()
    subject = Subject(
        task=LOGISTIC, learner=FromFactory.of(lambda: Law(still)), members=2, offers=frozenset({"next step", "test"})
    )
    run = _run(data, 2, {probe._keep().label: Kept(found, AXES)})
    run.views["test"].loss_nats[-1] = variance * np.array([[0.4], [0.6]])
    (need,) = probe.requires(subject)
    finding, _ = probe.measure(Bank(subject, data, {need.key(): run}))
    error = finding.quantities["one_step_error"]
    half = 12.7062 * np.std([0.4, 0.6], ddof=1) / np.sqrt(2)  # Student's t of one degree of freedom
    assert error.value == pytest.approx(0.5, rel=1e-5)
    assert error.interval == pytest.approx((0.0, 0.5 + half), rel=1e-4)  # no error is below 0


def test_a_run_that_leaves_after_the_steps_that_are_scored_leaves():
    """A growth of 1 % a step passes 1,000 deviations after some 700 steps."""

    def grows(x, data):
        return 1.01 * x[..., -1, :] + 0.01

    finding = answer(grows, ObservedLogistic(n=800, n_test=400, n_validation=0, window=1), steps=900, m=2)
    assert {row["kind"] for row in finding.tables["kinds"].rows()} <= {"divergence"}
    assert finding.quantities["lasting_share"].value == 0


def test_free_runs_of_models_that_get_shortened_windows_are_measured_on_the_series_whole():
    task = ObservedHenon(n=900, n_test=400, n_validation=0, window=4)
    whole, short = (
        answer(lambda x, data: true_step(data)(x[..., -1, :]), task.model_copy(update={"looks_back": back}), m=2)
        for back in (0, 2)
    )
    assert short.details["steps"] == whole.details["steps"] >= 200
    assert "novelty" in short.quantities
