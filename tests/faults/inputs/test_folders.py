"""Run folders that are none: show, report, explain and list refuse them in a line, and write nothing."""

import functools
import os
import shutil
import sqlite3

import numpy as np
import pytest

DOORS = {"show": ["show", "run"], "show --json": ["show", "run", "--json"], "report": ["report", "run"], "explain": ["explain", "run", "--example", "1"], "list": ["list", "run", "--out", "run"]}


def index(statement):
    def harm(run):
        with sqlite3.connect(run / "ledger/index.db") as opened:
            opened.execute(statement)
        opened.close()

    return harm


def blobs(change):
    def harm(run):
        for path in sorted((run / "ledger/blobs").rglob("*.json")):
            change(path)

    return harm


def written(text):
    return blobs(lambda path: path.write_bytes(text))


def emptied(run):
    shutil.rmtree(run)
    run.mkdir()


def others(run):
    emptied(run)
    (run / "diary.txt").write_text("mine")


def no_ledger(run):
    shutil.rmtree(run / "ledger")


def empty_ledger(run):
    no_ledger(run)
    (run / "ledger").mkdir()


def ledger_of_others(run):
    empty_ledger(run)
    (run / "ledger/diary.txt").write_text("mine")


def ledger_file(run):
    no_ledger(run)
    (run / "ledger").write_text("mine")


def linked_in_a_ring(run):
    shutil.rmtree(run)
    run.symlink_to("run")


HARMS = {
    "gone": shutil.rmtree, "empty": emptied, "of other things": others, "without its ledger": no_ledger, "of an empty ledger": empty_ledger, "of a ledger of other things": ledger_of_others, "of a ledger that is a file": ledger_file, "a ring of links": linked_in_a_ring,
    "without blobs": lambda run: shutil.rmtree(run / "ledger/blobs"), "of empty blobs": written(b""), "of blobs of nulls": written(b"\0" * 500), "of blobs of lists": written(b"[]"), "of blobs of NaN": written(b"NaN"), "of deep blobs": written(b"[" * 100_000),
    "of blobs cut short": blobs(lambda path: path.write_bytes(path.read_bytes()[:50])), "of blobs that are folders": blobs(lambda path: (path.unlink(), path.mkdir())), "of blobs that are pipes": blobs(lambda path: (path.unlink(), os.mkfifo(path))),
    "of an empty index": lambda run: (run / "ledger/index.db").write_bytes(b""), "of an index of text": lambda run: (run / "ledger/index.db").write_bytes(b"mine" * 500), "of an index cut short": lambda run: os.truncate(run / "ledger/index.db", 5000), "of an index of a later version": index("PRAGMA user_version = 999"), "of an index of another program": index("CREATE TABLE mine (a)"),
}  # fmt: skip


def harmed(run, harm, folder):
    shutil.copytree(run, folder / "run")
    harm(folder / "run")


@pytest.fixture
def run(tmp_path, byheart, quick_page):
    """An audit that is done."""
    x = np.random.default_rng(0).normal(size=(40, 3))
    np.savez(tmp_path / "data.npz", x=x, y=np.arange(40) % 2)
    said = byheart("audit", "data.npz", "--learner", "DecisionTreeClassifier", "--members", "8", "--jobs", "1", "--device", "cpu", "--out", "run")
    assert said.code == 0
    return tmp_path / "run"


OF_ITS_REPORT = ("without its ledger", "of an empty ledger", "of a ledger of other things", "of a ledger that is a file", "of an empty index")  # what the folder was asked for last
READ_ANYWAY = ("of an index of text", "of an index cut short")  # what a log beside them (-wal) still holds is read
NO_RUNS = ("of an index of a later version", "of an index of another program")


def codes(door, harm):
    """The exit codes that may come."""
    if door == "list":
        return (3, 5) if harm in NO_RUNS else (0, 5) if harm in READ_ANYWAY else (0,)
    if harm in OF_ITS_REPORT and door != "explain":
        return (0,)
    if harm in READ_ANYWAY:
        return (3, 5) if door == "explain" else (0, 5)  # a tree is explained nowhere
    return (2, 3, 5)


def test_a_folder_that_is_no_run(sample, trials, run):
    whole = trials.ended(DOORS["show --json"], functools.partial(harmed, run, lambda run: None)).out
    cases = {(harm, door): words for door, words in DOORS.items() for harm in HARMS}
    for (harm, door), words in sample(cases):
        ended = trials.ended(words, functools.partial(harmed, run, HARMS[harm]))
        wrong = "another document" if door == "show --json" and ended.code == 0 and ended.out != whole else ""
        if any(not path.startswith("run/ledger") for path in ended.left):
            wrong = f"left {ended.left}"
        trials.add(door, harm, ended, codes(door, harm), wrong)
