"""Series in memory: the same windows as of a file of the same numbers, the same refusals, and a key of the content."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import torch

from byheart.errors import InputRefused, UsageError
from byheart.learners.ridge import Ridge
from byheart.probes.generalization.gap import Gap
from byheart.tasks.series import Series, holds_series
from byheart.testing.banks import bank_of

STEPS = np.arange(900.0)
VALUES = np.stack([np.sin(STEPS / 7), np.cos(STEPS / 3)], 1) + np.random.default_rng(0).normal(
    scale=0.1, size=(900, 2)
).round(6)
VALUES[90] = np.nan
DAYS = pd.date_range("2020-03-01", periods=900)
DAYS = DAYS[:250].append(DAYS[250:] + pd.Timedelta(days=9))


def filed(folder):
    path = folder / "s.csv"
    pd.DataFrame({"day": DAYS.strftime("%Y-%m-%d"), "a": VALUES[:, 0], "b": VALUES[:, 1]}).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("values", "time"),
    [
        (VALUES, DAYS),
        (VALUES.tolist(), [str(day.date()) for day in DAYS]),
        (torch.from_numpy(VALUES), DAYS.to_numpy()),
        (pd.DataFrame(VALUES, columns=["a", "b"]), [day.date() for day in DAYS]),
        (VALUES, [dt.datetime(2020, 3, 1) + dt.timedelta(days=(day - DAYS[0]).days) for day in DAYS]),
        (VALUES, DAYS.tz_localize("UTC")),
        (VALUES, (DAYS - DAYS[0]).days.to_numpy()),
    ],
    ids=["index", "texts", "tensor", "frame of dates", "datetimes", "zone", "numbers"],
)
def test_the_windows_are_those_of_the_file(values, time, tmp_path):
    held, given = Series.of(filed(tmp_path), time="day").draw(0), Series.of_array(values, time, ["a", "b"]).draw(3)
    assert list(held.views) == list(given.views)
    for view, examples in held.views.items():
        for name in ("ids", "x", "y"):
            np.testing.assert_array_equal(getattr(examples, name), getattr(given.views[view], name))
    assert held.output == given.output
    assert held.about["inferred"] == given.about["inferred"]
    assert "1 row with an empty cell and 1 jump in time part it into 3 stretches" in given.about["inferred"][1]


def test_a_bank_of_the_array_says_the_numbers_of_the_file(tmp_path):
    tasks = Series.of(filed(tmp_path), time="day", window=4), Series.of_array(VALUES, DAYS, ["a", "b"], window=4)
    held, given = (Gap().measure(bank_of(Gap(), task, Ridge(), members=8))[0] for task in tasks)
    assert held.quantities == given.quantities
    assert held.quantities["test_r2"].value > 0


def test_the_key_is_of_the_content():
    one = Series.of_array(VALUES)
    assert one.key() == Series.of_array(VALUES.tolist()).key()
    assert not one.portable
    others = [
        Series.of_array(VALUES + 1e-9), Series.of_array(VALUES, np.arange(900.0) * 2), Series.of_array(VALUES[:, ::-1]),
        Series.of_array(VALUES, channels=["a", "b"]), Series.of_array(VALUES, window=3), Series.of_array(VALUES[:, 0]),
    ]  # fmt: skip
    assert len({task.key() for task in (one, *others)}) == 7


def test_later_changes_of_the_array_change_nothing():
    values = VALUES.copy()
    task = Series.of_array(values)
    before = task.draw(0).train.x
    values[:] = 0
    np.testing.assert_array_equal(task.draw(0).train.x, before)


def test_its_window_and_channels_are_as_asked():
    task = Series.of_array(VALUES, channels=["wave", "turn"], window=6, split=0.3)
    assert task.window == 6
    assert task.draw(0).about["channels"] == ["wave", "turn"]
    assert Series.of_array(pd.Series(VALUES[:, 0])).draw(0).about["channels"] == ["x0"]
    assert Series.of_array(np.sin(np.arange(3000.0))).window == 15


def test_without_its_array_it_cannot_be_drawn():
    task = Series.of_array(VALUES)
    with pytest.raises(InputRefused, match="the array in this process"):
        Series(**task.model_dump()).draw(0)


SWING = np.sin(STEPS)
BAD = {
    "unsorted": ((SWING, STEPS[::-1]), "times that grow"),
    "repeated": ((SWING, STEPS // 2), "times that grow"),
    "no time": ((SWING, np.where(STEPS == 9, np.nan, STEPS)), "times that grow"),
    "no date": ((SWING, DAYS.where(STEPS != 9)), "times that grow"),
    "uneven": ((SWING, STEPS + 0.4 * (STEPS % 2)), "evenly sampled"),
    "words as time": ((SWING, ["soon"] * 900), "times: dates"),
    "constant": ((np.stack([SWING, 3 + 0 * STEPS], 1),), "always 3"),
    "twice": ((np.stack([SWING, SWING], 1),), "equal to x0"),
    "short": ((SWING[:40],), "longer series"),
    "infinite": ((np.where(STEPS == 9, np.inf, SWING),), "finite"),
    "words": ((["red", "blue"] * 200,), "a series of numbers"),
    "complex": ((SWING + 1j,), "a series of numbers"),
    "three axes": ((SWING.reshape(225, 2, 2),), "a series of numbers"),
    "one number": ((3.0,), "a series of numbers"),
    "empty": (([],), "a series of numbers"),
    "no channel": ((np.empty((900, 0)),), "a series of numbers"),
    "lengths": ((SWING, STEPS[:-1]), "one time a step"),
    "names": ((SWING, None, ["a", "b"]), "one name a channel"),
    "names twice": ((VALUES, None, ["a", "a"]), "different names"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_followed_is_refused_by_name(case):
    given, message = BAD[case]
    with pytest.raises(InputRefused, match=message):
        Series.of_array(*given)


def test_a_wrong_option_is_named():
    with pytest.raises(UsageError, match="window"):
        Series.of_array(VALUES, window=0)


def in_npz(folder, **arrays):
    np.savez(folder / "s.npz", **arrays)
    return folder / "s.npz"


@pytest.mark.parametrize(
    "time", [DAYS.to_numpy(), DAYS.strftime("%Y-%m-%d").to_numpy(str), (DAYS - DAYS[0]).days.to_numpy()]
)
def test_times_of_an_npz_are_read_as_those_of_an_array(time, tmp_path):
    path = in_npz(tmp_path, series=VALUES, day=time, channels=["a", "b"])
    held, given = (
        Series.of(path, time="day", channels="b,a").draw(0),
        Series.of_array(VALUES[:, ::-1], DAYS, ["b", "a"]).draw(0),
    )
    assert held.about["inferred"] == given.about["inferred"]
    np.testing.assert_array_equal(held.train.x, given.train.x)


@pytest.mark.parametrize("arrays, asked, message", [
    ({"series": SWING}, {"time": "day"}, "expected a column of s.npz, got 'day'"),  # else followed without its times
    ({"series": SWING}, {"channels": "x1"}, "expected a column of s.npz, got 'x1'"),
    ({"series": SWING, "time": np.array(["soon"] * 900)}, {}, "times: dates"),
    ({"series": SWING, "time": DAYS.where(STEPS != 9).to_numpy()}, {}, "one missing at step 9"),
    ({"series": SWING, "channels": np.array(["a"], object)}, {}, "arrays of numbers and text"),
    ({"series": SWING[:0]}, {}, "a series of numbers"),
    ({"series": SWING + 1j}, {}, "a series of numbers"),
    ({"series": VALUES, "channels": ["a", "a"]}, {}, "different names"),
])  # fmt: skip
def test_what_an_npz_cannot_give_is_refused_by_name(arrays, asked, message, tmp_path):
    with pytest.raises((InputRefused, UsageError), match=message):
        Series.of(in_npz(tmp_path, **arrays), **asked)


def test_a_damaged_npz_is_refused(tmp_path):
    for content in (b"PKxx", b"", in_npz(tmp_path, series=SWING).read_bytes()[:2000]):
        (tmp_path / "d.npz").write_bytes(content)
        assert not holds_series(tmp_path / "d.npz")
        with pytest.raises(InputRefused, match="damaged"):
            Series.of(tmp_path / "d.npz")


def test_the_name_of_a_single_channel_may_stand_alone(tmp_path):
    assert Series.of(in_npz(tmp_path, series=SWING, channels="swing")).draw(0).about["channels"] == ["swing"]
