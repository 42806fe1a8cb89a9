"""Systems as tasks: every window an orbit of the system itself, from starts of its own, in units of the training steps."""

import numpy as np
import pytest

from byheart.errors import InputRefused, UsageError
from byheart.fingerprint.description import described, revive
from byheart.registry import find
from byheart.seeds import stream
from byheart.study.serialization import data_from, data_result
from byheart.tasks.systems.observed import true_step
from byheart.tasks.systems.observed_flows import ObservedDuffing, ObservedLorenz63, ObservedMackeyGlass
from byheart.tasks.systems.observed_maps import ObservedHenon, ObservedLogistic
from byheart.tasks.windows import OF_CUT

NAMES = (
    "lorenz63", "lorenz96", "roessler", "chua", "thomas", "van-der-pol", "duffing", "hindmarsh-rose", "mackey-glass",
    "logistic", "henon", "ikeda",
)  # fmt: skip
SMALL = {"n": 200, "n_test": 60, "n_validation": 60, "window": 5}


@pytest.fixture(scope="module")
def drawn():
    """Every system, all coordinates seen but of Mackey-Glass, from few starts."""
    starts = {"duffing": 4, "lorenz63": 4}
    return {name: find("task", name)(**SMALL, starts=starts.get(name, 1)).draw(1) for name in NAMES}


@pytest.fixture(scope="module")
def lorenz():
    return {seed: ObservedLorenz63(**SMALL).draw(seed) for seed in (0, 1)}


def followed(data, view):
    """(n, w + 1, d) all steps of the windows of a view, and the one after, as levels."""
    return np.concatenate([data.views[view].x, data.output.levels(data.views[view].x, data.views[view].y)[:, None]], 1)


@pytest.mark.parametrize("name", [one for one in NAMES if one != "mackey-glass"])
def test_every_step_of_every_window_follows_from_the_one_before_it_by_the_system(name, drawn):
    """So none reaches over two starts, none is disturbed, and the step is that of the time between two steps seen."""
    data = drawn[name]
    step = true_step(data)
    for view in ("train", "test", "validation"):
        steps = followed(data, view)
        assert np.allclose(step(steps[:, :-1]), steps[:, 1:], rtol=0, atol=1e-9), view
    assert data.truth.best_loss_nats == 0
    assert "best_loss_nats" in data.truth.sources


@pytest.mark.parametrize("name", NAMES)
def test_views_are_of_independent_orbits_in_units_of_the_training_steps(name, drawn):
    data = drawn[name]
    sets = [set(followed(data, view).ravel().round(9).tolist()) for view in ("train", "test", "validation")]
    resting = 2 if name == "duffing" else 0
    assert max(len(a & b) for a, b in ((sets[0], sets[1]), (sets[0], sets[2]), (sets[1], sets[2]))) <= resting
    assert max(np.abs(view.x).max() for view in data.views.values()) < 12
    assert 0.5 < data.train.x.std((0, 1)).mean() < 1.5


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_of_the_system_is_known_of_the_data(name, drawn):
    data, task = drawn[name], find("task", name)()
    known = task.truth
    assert known == task.system.truth
    for field in ("exponents", "dimension"):
        told = getattr(data.truth, field)
        assert (told is None) == (getattr(known, field) is None)
        assert told is None or np.array_equal(told, getattr(known, field))
        assert told is None or data.truth.sources[field] == known.sources[field]
    kept = data_from(data_result(data))
    assert np.array_equal(kept.truth.exponents, data.truth.exponents)
    assert kept.truth.dimension == data.truth.dimension
    assert revive(described(task)) == task


def test_stretches_of_several_starts_have_equal_parts():
    data = ObservedDuffing(**{**SMALL, "n": 400, "n_test": 100}, starts=10).draw(0)
    assert data.about["stretches"] == 10
    assert len(data.train) == 10 * (40 - 5) or len(data.train) < 350  # some lie between two blocks
    assert len(data.views["test"]) == 2 * (50 - 5) or len(data.views["test"]) == 3 * (33 - 5)
    begins = np.array([ObservedDuffing().begin(stream(0, one)) for one in range(50)])
    assert (begins.min(0) < -1.7).all()
    assert (begins.max(0) > 1.7).all()
    ends = data.train.x[:, -1, 0] * data.about["scale"][0] + data.about["centre"][0]
    assert ends.min() < -0.5 < 0.5 < ends.max()  # both wells


def test_noise_is_a_share_of_the_deviation_and_leaves_the_orbit_as_it_was(lorenz):
    noisy, clean = ObservedLorenz63(**SMALL, noise=0.2).draw(0), lorenz[0]
    raw = [one.views["test"].x * np.array(one.about["scale"]) + np.array(one.about["centre"]) for one in (noisy, clean)]
    share = (raw[0] - raw[1])[:, -1] / np.array(clean.about["scale"])
    assert np.abs(share.std(0) - 0.2).max() < 4 * 0.2 / (2 * len(share)) ** 0.5
    assert np.abs(share.mean(0)).max() < 4 * 0.2 / len(share) ** 0.5
    assert noisy.truth.best_loss_nats is None
    assert "20% noise" in noisy.about["title"]
    assert not set(noisy.train.ids.tolist()) & set(clean.train.ids.tolist())


def test_some_coordinates_are_those_of_all(lorenz):
    some = ObservedLorenz63(**SMALL, observed="z, x").draw(0)
    assert some.about["channels"] == ["z", "x"]
    assert np.allclose(some.train.x, lorenz[0].train.x[..., [2, 0]])
    assert some.truth.best_loss_nats is None
    with pytest.raises(InputRefused, match="all seen"):
        true_step(some)
    turned = ObservedLorenz63(**SMALL, observed=("z", "x", "y")).draw(0)
    steps = followed(turned, "test")
    assert np.allclose(true_step(turned)(steps[:, :-1]), steps[:, 1:], atol=1e-9)


def test_seeds_draw_other_orbits_with_other_ids_below_those_of_cut_windows(lorenz):
    first, second = lorenz[0].views, lorenz[1].views
    assert not (first["train"].x[:, -1] == second["train"].x[:, -1]).any()
    assert not set(first["train"].ids.tolist()) & set(second["train"].ids.tolist())
    assert max(first[view].ids.max() for view in ("train", "test", "validation")) < OF_CUT
    assert set((first["cut 2"].ids % OF_CUT).tolist()) <= set(first["test"].ids.tolist())
    times = first["train"].meta["time"]
    assert np.diff(times).min() == pytest.approx(0.05)


def test_a_coarse_sampling_is_integrated_in_fine_steps():
    data = ObservedLorenz63(**SMALL, dt=0.17).draw(0)
    task = ObservedLorenz63(dt=0.17)
    assert task.substeps == 17
    state = np.array([1.0, 2.0, 20.0])
    assert np.allclose(task.later(state), task.system.adaptive_orbit(state, 1, 0.17)[-1], atol=1e-5)
    assert data.about["dt"] == 0.17


def test_other_parameters_are_another_system():
    calm, usual = ObservedLogistic(**SMALL, r=3.7), ObservedLogistic(**SMALL)
    assert calm.truth.exponents is None
    assert calm.draw(0).truth.exponents is None
    assert "exponents" not in calm.draw(0).truth.sources
    assert calm.key() != usual.key()
    steps = followed(calm.draw(0), "train")
    assert np.allclose(true_step(calm.draw(0))(steps[:, :-1]), steps[:, 1:], atol=1e-9)


def test_of_a_delay_equation_the_present_alone_is_seen():
    task = ObservedMackeyGlass()
    assert (len(task.coordinates), task.seen, task.whole) == (25, [0], False)
    assert ObservedMackeyGlass(observed=task.coordinates).whole


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ObservedLorenz63(observed="w"), "different names of x, y, z"),
        (lambda: ObservedLorenz63(observed="x,x"), "different names of x, y, z"),
        (lambda: ObservedHenon(dt=0.5), "dt of a map is 1"),
        (lambda: ObservedLorenz63(window=5, looks_back=6), "looks_back must be at most the window"),
        (lambda: ObservedLorenz63(noise=-1), "noise"),
        (lambda: ObservedLorenz63(sites=4), "sites"),
    ],
)
def test_settings_that_fit_no_system_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


@pytest.mark.parametrize(
    "task, message",
    [
        (ObservedHenon(a=2.0, **SMALL), "smaller dt|stays finite"),
        (ObservedLogistic(**{**SMALL, "window": 12}), "blocks or more|a series with"),
        (ObservedLogistic(**{**SMALL, "window": 70}), "longer than a window"),
        (ObservedLogistic(r=2.5, **SMALL), "channels that vary"),
    ],
)
def test_what_cannot_be_drawn_is_refused(task, message):
    with pytest.raises(InputRefused, match=message):
        task.draw(0)
