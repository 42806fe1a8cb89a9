"""Series as windows: what no two sides share, what is cut, in which units, and what is refused."""

import numpy as np
import pytest

from byheart.errors import InputRefused, UsageError
from byheart.tasks.embedded_series import Co2, ElNino, Fmri, Sunspots
from byheart.tasks.output import output_from
from byheart.tasks.series import Series
from byheart.tasks.stretches import parted
from byheart.tasks.windows import OF_CUT, stretches_of, windowed


def counted(n=1000, window=5, **options):
    """A series whose value is its own place in time, so that every number says where it is from."""
    return windowed(
        [np.arange(n, dtype=float)[:, None]], [np.arange(n, n + 200.0)[:, None]], window, ["x"], {}, **options
    )


def places(data, view, scale=1):
    """All numbers of the windows, inputs and target, as they were: of `counted` their places in time."""
    one = data.views[view]
    levels = data.output.levels(one.x, one.y)
    numbers = np.concatenate([one.x, levels[:, None]], 1)[..., 0] * data.about["scale"][0] + data.about["centre"][0]
    return (numbers * scale).round().astype(int)


def test_a_window_is_the_steps_before_the_one_it_is_called_by():
    data = counted()
    numbers = places(data, "train")
    assert (numbers[:, -1] == data.train.ids).all()
    assert (np.diff(numbers, axis=1) == 1).all()


def test_stretches_come_back_whole_and_apart():
    """Of two orbits, or the two sides of a gap, no stretch is made."""
    rng = np.random.default_rng(0)
    given = [rng.normal(size=(length, 2)) for length in (300, 200, 250)]
    data = windowed(given[:2], given[2:], 4, ["x", "y"], {})
    back = stretches_of(data.train, data.output)
    assert [len(one) for one in back] == [300, 200]
    for one, whole in zip(back, given):
        assert np.allclose(one * data.about["scale"] + np.array(data.about["centre"]), whole)
    assert [len(one) for one in stretches_of(data.views["test"], data.output)] == [250]
    assert not set(data.train.ids.tolist()) & set(data.views["test"].ids.tolist())


def test_blocks_share_no_number():
    data = counted()
    numbers, block = places(data, "train"), data.groups
    held = [set(numbers[block == one].ravel()) for one in np.unique(block)]
    assert len(held) == data.about["blocks"] >= 20
    assert sum(map(len, held)) == len(set.union(*held))


def test_the_test_shares_no_number_with_training(tmp_path):
    rows = "\n".join(f"{i},{np.sin(i / 7) + i / 50}" for i in range(600))
    (tmp_path / "s.csv").write_text("when,x\n" + rows)
    data = Series.of(tmp_path / "s.csv", time="when").draw(0)
    values = {view: set((places(data, view, scale=1e6)).ravel().tolist()) for view in ("train", "test")}
    assert not values["train"] & values["test"]


def test_no_window_reaches_over_a_gap_or_a_jump():
    values = np.arange(400.0)[:, None]
    values[100] = np.nan
    moments = np.arange(400.0)
    moments[250:] += 10
    stretches, said = parted(moments, values, [""] * 400)
    assert [len(one) for one in stretches] == [100, 149, 150]
    assert "3 stretches" in said[0]


@pytest.mark.parametrize("carried", [False, True])
def test_cut_windows_keep_their_last_steps_and_lend_the_others(carried):
    """Of a walk it is changes that are lent, so that it goes on without a jump."""
    series = np.random.default_rng(0).permutation(1200).astype(float)[:, None]  # each number once, in no order
    series = series.cumsum(0) if carried else series
    data = windowed([series[:1000]], [series[1000:]], 8, ["x"], {})
    whole = dict(zip(data.views["test"].ids.tolist(), places(data, "test")))
    for length in (0, 1, 2, 3, 5):
        view = data.views[f"cut {length}"]
        for id, numbers in zip((view.ids % OF_CUT).tolist(), places(data, f"cut {length}")):
            own = whole[id]
            assert (numbers[8 - length : 8] == own[8 - length : 8]).all()
            assert numbers[8] == own[8]  # what comes next is no other thing for it
            lent = np.diff(numbers[: 9 - length]) if carried and length else numbers[: 8 - length]
            assert not set(lent) & set(np.diff(own) if carried and length else own)
            if carried and length:  # changes of the series, each of one sign here
                assert set(lent) <= set(np.diff(series[1000:, 0]))
        assert set(view.ids // OF_CUT) == {length + 1}


def test_a_random_walk_is_carried_and_noise_is_not():
    noise = np.random.default_rng(0).normal(size=(2000, 2))
    noise[:, 0] = noise[:, 0].cumsum()
    data = windowed([noise[:1500]], [noise[1500:]], 4, ["walk", "noise"], {})
    assert data.output.carried == (1.0, 0.0)
    assert output_from(data.output.document()) == data.output
    changes = np.diff(noise[:1500, 0])
    assert data.output.spread[0] * data.about["scale"][0] == pytest.approx(changes.std(), rel=0.05)


def test_units_are_those_of_training_alone():
    first, later = np.random.default_rng(1).normal(size=(2, 600, 1))
    one, other = (windowed([first], [later * by + by], 4, ["x"], {}) for by in (1, 1000))
    assert np.array_equal(one.train.x, other.train.x)
    assert one.train.x.std() == pytest.approx(1, rel=0.05)


def test_models_that_look_back_less_get_the_same_windows():
    data, short = counted(), counted(looks_back=2)
    assert np.array_equal(short.train.ids, data.train.ids)
    assert np.array_equal(short.train.x, data.train.x[:, -2:])
    assert sorted(view for view in short.views if view.startswith("cut")) == ["cut 0", "cut 1"]


@pytest.mark.parametrize("task", [Co2(), Sunspots(), ElNino(), Fmri()])
def test_series_that_travel_with_the_package(task):
    data = task.draw(0)
    assert len(data.train) >= 60
    assert len(data.views["test"]) > 30
    assert data.about["licence"]


def test_the_embedded_numbers_are_those_of_their_files():
    data = Sunspots().draw(0)
    level = data.train.x[0, :, 0] * data.about["scale"][0] + data.about["centre"][0]
    assert level.tolist() == pytest.approx([5, 11, 16, 23])


GOOD = [f"{i},{np.sin(i / 5)},{np.cos(i / 3)}" for i in range(300)]
BAD = {
    "unsorted": ([*GOOD[:50], GOOD[20], *GOOD[50:]], "times that grow"),
    "repeated": ([*GOOD[:50], GOOD[49], *GOOD[50:]], "times that grow"),
    "uneven": ([f"{i + 0.4 * (i % 2)},{i % 7},{i % 5}" for i in range(300)], "evenly sampled"),
    "constant": ([f"{i},{np.sin(i)},3" for i in range(300)], "always 3"),
    "twice": ([f"{i},{np.sin(i)},{np.sin(i)}" for i in range(300)], "equal to a"),
    "in another unit": ([f"{i},{np.sin(i)},{32 - 9 * np.sin(i) / 5}" for i in range(300)], "equal to a, but for a unit"),
    "short": (GOOD[:40], "longer series"),
    "one row": (GOOD[:1], "longest of 1 step"),
    "words": ([f"{i},red,blue" for i in range(300)], "a column of numbers"),
    "no time": ([f"day {i},1,{i % 5}" for i in range(300)], "times in column"),
    "infinite": ([*GOOD[:50], "50,inf,1", *GOOD[51:]], "finite"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_followed_is_refused_by_name(case, tmp_path):
    rows, message = BAD[case]
    path = tmp_path / "series.csv"
    path.write_text("\n".join(["when,a,b", *rows]))
    with pytest.raises(InputRefused, match=message):
        Series.of(path, time="when")


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_numbers_of_any_size_have_their_units(size):
    series = np.random.default_rng(0).normal(size=(400, 1))
    of_one, of_size = (windowed([x[:300]], [x[300:]], 4, ["x"], {}).train.x for x in (series, size * series))
    assert of_size == pytest.approx(of_one)


def test_wrong_columns_name_the_nearest(tmp_path):
    path = tmp_path / "series.csv"
    path.write_text("\n".join(["when,alpha,b", *GOOD]))
    with pytest.raises(UsageError, match="Nearest: when"):
        Series.of(path, time="wen")
    with pytest.raises(UsageError, match="Nearest: alpha"):
        Series.of(path, time="when", channels="alpa")
    assert Series.of(path, time="when", channels="b").draw(0).about["channels"] == ["b"]


def test_the_column_of_time_is_no_channel(tmp_path):
    path = tmp_path / "series.csv"
    path.write_text("\n".join(["when,alpha,b", *GOOD]))
    with pytest.raises(UsageError, match="beside the column of time"):
        Series.of(path, time="when", channels="when,b")


def test_times_have_the_decimal_sign_of_the_values(tmp_path):
    x = np.random.default_rng(0).normal(size=300)
    rows = [f'"{1.9 + i / 1000:g}","{v:.4f}"'.replace(".", ",") for i, v in enumerate(x)]  # 1,999 and then 2
    (tmp_path / "s.csv").write_text("\n".join(["t,x", *rows]))
    assert Series.of(tmp_path / "s.csv", time="t", decimal=",").draw(0).about["steps"] == 300
    with pytest.raises(UsageError, match="decimal"):
        Series.of(tmp_path / "s.csv", time="t", decimal="x")


def test_an_npz_of_a_series(tmp_path):
    series = np.random.default_rng(0).normal(size=(300, 2))
    np.savez(tmp_path / "s.npz", series=series)
    data = Series.of(tmp_path / "s.npz").draw(0)
    assert data.about["channels"] == ["x0", "x1"]
    np.savez(tmp_path / "s.npz", other=series)
    with pytest.raises(InputRefused, match="an array `series`"):
        Series.of(tmp_path / "s.npz")


@pytest.mark.parametrize("copy, says", [
    (slice(50, 110), "60 of the 60 steps held out stand in training too (rounded), 60 of them in a row"),
    (slice(240, 300), None),
])  # fmt: skip
def test_steps_held_out_that_stand_in_training_are_told(copy, says, tmp_path):
    x = np.random.default_rng(0).normal(size=300)
    x[240:] = np.round(x[copy], 4)  # to the last digit it would be no test (`repeated_windows`)
    (tmp_path / "s.csv").write_text("t,x\n" + "\n".join(f"{i},{v}" for i, v in enumerate(x)))
    told = [line for line in Series.of(tmp_path / "s.csv", time="t").inferred() if "stand in training" in line]
    assert told == ([f"{says}: scores on them are none on new data"] if says else [])


@pytest.mark.parametrize("still, said", [(19, False), (25, True)])
def test_a_channel_that_stands_still_for_long_is_told_of(still, said):
    x = np.random.default_rng(0).normal(size=(300, 2))
    x[100 : 100 + still, 1] = 0.5
    _, told = parted(np.arange(300.0), x, [f"in row {i}" for i in range(300)])
    assert told == (
        [f"a channel stands still for {still} steps, the first in row 100: is that measured, or filled in?"] * said
    )
