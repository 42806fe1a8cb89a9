"""A series on the command line: what its plan says, and options that a file takes no part in."""

import numpy as np
import pandas as pd
import pytest

STEPS = np.arange(300)
SWING = np.sin(STEPS / 3) * 1000


@pytest.fixture(autouse=True)
def files(tmp_path):
    """s.csv, s.parquet and s.npz of one series."""
    frame = pd.DataFrame({"t": STEPS, "x": SWING})
    frame.to_csv(tmp_path / "s.csv", index=False)
    frame.to_parquet(tmp_path / "s.parquet")
    np.savez(tmp_path / "s.npz", series=SWING)


def test_a_plan_says_by_what_the_windows_of_a_series_count(byheart):
    (power,) = [line for line in byheart("plan", "s.csv", "--time", "t").out.splitlines() if "power" in line]
    assert "shares of the variance from 184 windows in 14 blocks of time, by which they count" in power
    for word in ("label", "bits", "score"):
        assert word not in power


def test_a_plan_of_labels_says_what_it_said(byheart):
    (power,) = [line for line in byheart("plan", "--members", "8").out.splitlines() if "power" in line]
    assert "from 5,000 images, by how noisy the labels are" in power
    assert "a single score to" in power


@pytest.mark.parametrize("words", [
    ("s.npz", "--encoding", "latin-1"), ("s.npz", "--separator", ";"), ("s.npz", "--decimal", ","),
    ("s.parquet", "--time", "t", "--separator", ";"), ("s.parquet", "--time", "t", "--decimal", ","),
    ("s.parquet", "--target", "x", "--decimal", ","), ("s.parquet", "--target", "x", "--encoding", "latin-1"),
])  # fmt: skip
def test_how_a_text_is_to_be_read_is_refused_of_files_that_are_none(words, byheart, short):
    *_, option, value = words
    short(byheart("plan", *words), 2, "a text file (.csv, .tsv or .txt)", words[0], f"Leave {option} {value} out.")


def test_of_a_text_it_is_followed(byheart, tmp_path):
    text = (tmp_path / "s.csv").read_text(encoding="utf-8").replace(",", ";").replace(".", ",").replace("x", "d\u00e9bit")
    (tmp_path / "s.csv").write_text(text, encoding="latin-1")
    words = "--time", "t", "--encoding", "latin-1", "--separator", ";", "--decimal", ","
    assert "a series of 300 steps, 1 channel: d\u00e9bit" in byheart("plan", "s.csv", *words).out


def test_two_columns_of_one_name_are_told_apart_or_refused(byheart, tmp_path, short):
    rows = "\n".join(f"{i},{x},{-x * x}" for i, x in zip(STEPS, SWING))
    (tmp_path / "s.csv").write_text(f"t,x,x\n{rows}\n")
    short(byheart("plan", "s.csv", "--time", "t", "--channels", "x"), 3, "'x' twice", "Rename one of them")
    said = byheart("plan", "s.csv", "--time", "t").out
    assert "2 channels: x, x (2)" in said
    assert "column 3 repeats the name 'x'" in said


def test_a_channel_that_says_nothing_is_refused_with_the_words_that_leave_it_out(byheart, tmp_path, short):
    frame = pd.DataFrame({"t": STEPS, "my x": SWING, "still": 3, "again": -2 * SWING, "y": np.cos(STEPS)})
    frame.to_csv(tmp_path / "s.csv", index=False)
    short(byheart("plan", "s.csv", "--time", "t"), 3, "still, which is always 3", "--channels 'my x,again,y'.")
    words = "--channels", "my x,again,y"
    short(byheart("plan", "s.csv", "--time", "t", *words), 3, "again equal to my x", "--channels 'my x,y'.")
    assert byheart("plan", "s.csv", "--time", "t", "--channels", "my x,y").code == 0
