"""Dynamical systems: derivatives against differences, steps against the adaptive integration, what is known against both."""

import dataclasses

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.orbits import kaplan_yorke
from byheart.seeds import stream
from byheart.tasks.systems import (
    Chua,
    Duffing,
    Flow,
    Henon,
    HindmarshRose,
    Ikeda,
    Logistic,
    Lorenz63,
    Lorenz96,
    MackeyGlass,
    Map,
    Roessler,
    Thomas,
    VanDerPol,
)
from byheart.tasks.systems.measured import MEASURED

FLOWS = [Lorenz63(), Lorenz96(), Roessler(), Chua(), Thomas(), VanDerPol(), Duffing(), HindmarshRose(), MackeyGlass()]
MAPS = [Logistic(), Henon(), Ikeda()]
EVERY = pytest.mark.parametrize("system", FLOWS + MAPS, ids=lambda one: type(one).__name__)
EACH_FLOW = pytest.mark.parametrize("system", FLOWS, ids=lambda one: type(one).__name__)


def near(system, n=3):
    """States near the start: no other states are as sure to be where the system lives."""
    return system.start * (1 + 0.1 * stream(0, "near").normal(size=(n, system.dimension)))


def differences(function, state, h=1e-5):
    """(d, d) central differences of a function of one state: the slow twin of every Jacobian."""
    eye = h * np.eye(len(state))
    return np.stack([(function(state + one) - function(state - one)) / (2 * h) for one in eye], 1)


@EVERY
def test_the_jacobian_is_that_of_the_flow(system):
    for state in near(system):
        truth = differences(system.flow, state)
        assert np.abs(system.jacobian(state) - truth).max() < 1e-6 * (1 + np.abs(truth).max())


@EVERY
def test_the_jacobian_of_a_step_is_that_of_the_step_made(system):
    dt = 1.0 if isinstance(system, Map) else 0.1  # a coarse step: the derivative of the true flow would not pass
    dt = dt / 2 if isinstance(system, Chua | Lorenz63) else dt
    for state in near(system):
        truth = differences(lambda x: system.step(x, dt), state)
        assert np.abs(system.step_jacobian(state, dt) - truth).max() < 1e-6 * (1 + np.abs(truth).max())


@EVERY
def test_many_states_at_once_are_each_of_them(system):
    states, dt = near(system, 6).reshape(2, 3, -1), system.usual_dt
    for name, more in (("flow", ()), ("jacobian", ()), ("step", (dt,)), ("step_jacobian", (dt,))):
        function = getattr(system, name)
        alone = np.array([[function(one, *more) for one in row] for row in states])
        assert np.allclose(function(states, *more), alone, rtol=1e-12, atol=1e-12), name


@EVERY
def test_fixed_points_do_not_move_and_orbits_stay_bounded_in_float64(system):
    for point in np.array(system.truth.fixed_points):
        rest = point if isinstance(system, Map) else np.zeros(system.dimension)
        assert np.abs(system.flow(point) - rest).max() < 1e-9
    orbit = system.orbit(system.start.astype(np.float32), 300)
    assert orbit.dtype == np.float64
    assert orbit.shape == (301, system.dimension)
    assert np.abs(orbit).max() < 100


@EVERY
def test_the_known_sum_of_exponents_is_the_divergence_everywhere(system):
    if system.truth.total is not None and not isinstance(system, Logistic):
        slopes = system.jacobian(near(system))
        if isinstance(system, Map):
            found = np.log(np.abs(np.linalg.det(slopes)))
        else:
            found = np.trace(slopes, axis1=1, axis2=2)
        assert np.allclose(found, system.truth.total, rtol=1e-12)


@EVERY
def test_every_known_number_has_its_source(system):
    known = dataclasses.asdict(system.truth)
    sources = known.pop("sources")
    assert {name for name, value in known.items() if value not in (None, ())} == set(sources)


@EACH_FLOW
def test_steps_of_order_four_end_where_the_adaptive_integration_does(system):
    begin = system.orbit(system.start, 40)[-1]
    ends = [system.orbit(begin, 8 * n, system.usual_dt / n)[-1] for n in (1, 2)]
    errors = [np.abs(end - system.adaptive_orbit(begin, 8)[-1]).max() for end in ends]
    assert errors[0] < 1e-3
    if not isinstance(system, Chua):  # whose flow has kinks
        assert errors[1] < max(errors[0] / 8, 1e-9)  # 16 in the limit


def test_the_exponents_of_wells_and_cycles_of_two_are_those_of_their_linear_parts():
    for damping in (0.3, 4.0):
        well = Duffing(damping)
        roots = np.linalg.eigvals(well.jacobian([1.0, 0.0])).real
        assert np.allclose(sorted(well.truth.exponents), sorted(roots))
    beat = Logistic(3.2)
    cycle = beat.orbit(beat.start, 2000)[-2:]
    assert np.isclose(beat.truth.exponents[0], np.log(np.abs(beat.jacobian(cycle))).mean())
    assert Logistic(2.5).truth.exponents == (np.log(0.5),)
    assert Logistic(3.9).truth.exponents is None


def test_all_fixed_points_are_known():
    counts = {type(one).__name__: len(one.truth.fixed_points) for one in FLOWS + MAPS}
    assert counts == {
        "Lorenz63": 3, "Lorenz96": 1, "Roessler": 2, "Chua": 3, "Thomas": 1, "VanDerPol": 1, "Duffing": 3,
        "HindmarshRose": 1, "MackeyGlass": 2, "Logistic": 2, "Henon": 2, "Ikeda": 0,
    }  # fmt: skip
    assert Chua().truth.fixed_points[1] == pytest.approx((1.5, 0, -1.5))


def test_published_exponents_are_said_at_the_published_parameters_alone():
    for system, changed in ((Lorenz63(), Lorenz63(rho=20)), (Henon(), Henon(a=1.2)), (Roessler(), Roessler(c=4))):
        assert changed.truth.exponents is None
        assert changed.truth.dimension is None
        total = system.truth.total
        assert total is None or np.isclose(sum(system.truth.exponents), total, atol=2e-3)


def test_the_roots_of_mackey_glass_at_rest_solve_the_delay_equation():
    """Truth from outside: lambda = -decay + slope exp(-lambda delay), slope that of the production at the fixed point."""
    system = MackeyGlass()
    slope = 0.2 * (1 - 9) / 4  # at x = 1, growth 0.2, power 10
    roots = np.linalg.eigvals(system.jacobian(np.ones(system.dimension)))
    leading = roots[np.argsort(-roots.real)][:4]
    assert np.allclose(leading, -0.1 + slope * np.exp(-leading * system.delay), atol=1e-8)
    assert leading[0].real > 0  # the rest is unstable, so something goes on


def test_mackey_glass_moves_as_the_delay_equation_does():
    """Slow twin: Heun's method on a stored past, steps of a hundredth; the kink at the start is all that differs."""
    system, dt = MackeyGlass(points=40), 0.01
    late = round(system.delay / dt)
    x = [1.2] * (late + 1)

    def rate(now, before):
        return 0.2 * before / (1 + before**10) - 0.1 * now

    for k in range(late, late + 5000):
        a = rate(x[k], x[k - late])
        x.append(x[k] + dt / 2 * (a + rate(x[k] + dt * a, x[k + 1 - late])))
    orbit = system.orbit(system.start, 500, 0.1)[:, 0]
    assert np.abs(orbit - x[late::10]).max() < 2e-3
    assert np.ptp(orbit) > 0.5


def test_a_duffing_without_friction_keeps_its_energy():
    orbit = Duffing(0.0).orbit([1.5, 0.0], 400)
    energy = orbit[:, 1] ** 2 / 2 - orbit[:, 0] ** 2 / 2 + orbit[:, 0] ** 4 / 4
    assert np.ptp(energy) < 1e-4 * energy[0]


def test_two_wells_keep_what_starts_in_them():
    ends = Duffing().orbit([[0.5, 0.0], [-0.5, 0.0]], 2000)[-1]
    assert np.allclose(ends, [[1, 0], [-1, 0]], atol=1e-3)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Lorenz63().flow([1.0, 2.0]), "3 coordinates"),
        (lambda: Lorenz96().jacobian(1.0), "20 coordinates"),
        (lambda: Henon().step([0.1, 0.1], 0.01), "dt=1 for a map"),
        (lambda: Henon().step_jacobian([0.1, 0.1], 0.5), "dt=1 for a map"),
        (lambda: Lorenz96(sites=3), "at least 4 sites"),
        (lambda: MackeyGlass(points=1), "points >= 4"),
        (lambda: MackeyGlass().orbit(MackeyGlass().start, 2000, 1.0), "smaller dt"),
        (lambda: VanDerPol(mu=-1.0).adaptive_orbit([3.0, 0.0], 100, 1.0), "an orbit that stays finite"),
    ],
)
def test_what_cannot_be_moved_is_refused(call, message):
    with pytest.raises(InputRefused, match=message):
        call()


def test_flows_and_maps_are_frozen():
    assert all(isinstance(one, Flow) for one in FLOWS)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Lorenz63().rho = 20


# --- exponents that we measured: held against what is exact, never against our own QR


@pytest.mark.parametrize("name", MEASURED)
def test_measured_exponents_sum_to_the_mean_divergence_and_say_how_they_were_measured(name):
    system = next(one for one in FLOWS + MAPS if type(one).__name__ == name)
    known, told = system.truth, MEASURED[name]
    if known.total is None:  # the trace along an orbit, and no QR
        begin = system.orbit(system.start, 5000)[-1]
        slopes = system.jacobian(system.orbit(begin, 20_000 if system.dimension < 4 else 2000))
        total = np.trace(slopes, axis1=1, axis2=2)
        error = 4 * np.array([block.mean() for block in np.array_split(total, 10)]).std() / 3
        total = total.mean()
    else:
        total, error = known.total, 0.0
    assert abs(sum(told.exponents) - total) < max(error, 2e-3 * len(told.exponents) ** 0.5, 1e-3 * abs(total))
    assert list(told.exponents) == sorted(told.exponents, reverse=True)
    assert len(told.exponents) == len(told.half_widths) == system.dimension
    assert not isinstance(system, Flow) or 0.0 in told.exponents
    assert "measured by byheart" in known.sources["exponents"]
    assert f"{told.time:,}" in known.sources["exponents"]
    assert known.exponents == told.exponents


def test_measured_exponents_are_of_the_usual_parameters_alone():
    for other in (Chua(alpha=15.0), Thomas(b=0.3), Lorenz96(sites=10), VanDerPol(mu=2.0), Ikeda(u=0.8)):
        assert other.truth.exponents is None
    assert VanDerPol().truth.sources["dimension"] == "exact: a cycle"


def test_the_dimension_of_measured_exponents_follows_from_them():
    for told in MEASURED.values():
        assert abs(kaplan_yorke(np.array(told.exponents)) - told.dimension) < 0.01
