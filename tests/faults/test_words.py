"""Words of the command line that no one means: each is refused in a line, with the exit code of its kind."""

import json
import os

import numpy as np
import pytest

from byheart.errors import InputRefused, UsageError
from byheart.learners.output_conversion import read
from byheart.records.finding import answer_from
from byheart.report.cards import About, card_of
from byheart.study.parse import pairs
from byheart.tasks.arrays import Arrays

LATIN = os.fsdecode(b"caf\xe9")
LONG = "x" * 5000
DEEP = "[" * 5000

WORDS = {
    "a table whose name is no UTF-8": ["audit", f"{LATIN}.csv", "--target", "y"],
    "arrays whose name is no UTF-8": ["plan", f"{LATIN}.npz"],
    "a folder whose name is no UTF-8": ["audit", "digits", "--out", LATIN],
    "a claim whose name is no UTF-8": ["study", f"{LATIN}.toml"],
    "a run whose name is no UTF-8": ["explain", LATIN, "--example", "1"],
    "a null": ["show", "a\0b"],
    **{f"a long subject{end}": ["audit", LONG + end] for end in ("", ".csv", ".npz", ".py", ".txt")},
    "a subject of many folders": ["plan", "a/" * 2500],
    "a name of 300": ["audit", f"{'x' * 300}.csv"],
    "a long claim": ["study", f"{LONG}.toml"],
    "a long run": ["show", LONG],
    "a long run to explain": ["explain", LONG, "--example", "1"],
    "a long folder": ["audit", "digits", "--out", LONG],
    "a long learner": ["audit", "digits", "--learner", LONG],
    "a long estimator": ["audit", "digits", "--learner", LONG.upper()],
    "a long setting": ["audit", "digits", "--set", f"{LONG}=1"],
    "a long number": ["audit", "digits", "--set", f"epochs={'9' * 5000}"],
    "a long budget": ["audit", "digits", "--budget", "9" * 5000],
    "deep lists, open": ["audit", "digits", "--set", f"hidden={DEEP}"],
    "deep lists": ["audit", "digits", "--set", f"hidden={DEEP}{']' * 5000}"],
    "deep mappings": ["audit", "digits", "--set", "hidden=" + '{"a":' * 900 + "1" + "}" * 900],
    "a deep setting of an estimator": ["audit", "digits", "--learner", "SVC", "--set", f"C={'[' * 50}{']' * 50}"],
    "a deep lever": ["audit", "digits", "--lever", f"dropout={DEEP}"],
    "a deep probe": ["audit", "digits", "--also", f"memory/effect:method={DEEP}"],
    "no budget": ["audit", "digits", "--budget", ""],
    "no learner": ["audit", "digits", "--learner", ""],
    "no target": ["audit", "digits", "--target", ""],
    "no kind of task": ["audit", "digits", "--task", ""],
}


@pytest.mark.parametrize("case", WORDS)
def test_a_usage_error_in_a_line(case, byheart, tmp_path):
    said = byheart(*WORDS[case])
    assert said.code == 2, said.err
    assert said.out == ""
    assert said.err.startswith("byheart: ")
    assert "Traceback" not in said.err
    assert all(len(line) < 1000 for line in said.err.splitlines())
    said.err.encode()
    assert not list(tmp_path.iterdir())


def test_a_deep_value_is_refused_and_a_shallow_one_read():
    assert pairs(["a=[[1, {\"b\": [2]}]]"], "--set") == {"a": [[1, {"b": [2]}]]}
    for depth in (9, 100, 900, 100_000):
        with pytest.raises(UsageError, match="nested at most 8 deep"):
            pairs(["a=" + "[" * depth + "]" * depth], "--set")


@pytest.fixture(scope="module")
def data():
    x = np.random.default_rng(0).normal(size=(40, 2))
    return Arrays.of(x, np.arange(40) % 10).draw(0)


def test_probabilities_that_miss_1_by_rounding_are_those_of_a_row_that_sums_to_1(data):
    logits = np.random.default_rng(1).normal(0, 0.3, size=(30, 10))  # all above the least that is told apart
    exact = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = read(lambda x: exact, np.zeros((30, 2)), data)[0]
    for said in (exact.astype(np.float32), exact.astype(np.float16), exact.round(4), exact * 1.0009, exact - 1e-8):
        got, _, kind = read(lambda x, said=said: said, np.zeros((30, 2)), data, "probabilities")
        assert kind == "probabilities"
        np.testing.assert_allclose(np.exp(got).sum(1), 1, atol=1e-9)
        np.testing.assert_allclose(got, truth, atol=0.02)


@pytest.mark.parametrize("column, by, said", [(3, 0.1, "sums to 1.1 "), (4, -0.7, "with -0.6")])
def test_the_worst_row_of_what_are_no_probabilities_is_told(data, column, by, said):
    wrong = np.full((30, 10), 0.1)
    wrong[5, 0] += 0.002
    wrong[17, column] += by
    with pytest.raises(InputRefused, match=f"row 17.*{said}"):
        read(lambda x: wrong, np.zeros((30, 2)), data, "probabilities")


@pytest.mark.usefixtures("quick_page")
@pytest.mark.parametrize("learner", ["DecisionTreeClassifier", "Ridge"])
def test_one_test_example_is_too_few_for_a_number_and_a_card_says_so(learner, byheart, tmp_path):
    rng = np.random.default_rng(7)
    x = rng.uniform(-1, 1, size=(120, 2))
    y = (x[:, 0] > 0).astype(int) if learner != "Ridge" else x[:, 0] + rng.uniform(-1, 1, size=120)
    np.savez(tmp_path / "one.npz", x=x, y=y, x_test=x[:1] + 1, y_test=y[:1])
    words = ["--learner", learner, "--members", "8", "--jobs", "1", "--device", "cpu", "--json"]
    said = byheart("audit", "one.npz", *words)
    assert said.code == 0, said.err
    document = json.loads(said.out)
    gap = document["findings"]["generalization/gap"]
    body = card_of(answer_from(gap), About.of(document["subject"])).body
    assert "On new examples there is no number: 1 is too few, it takes 2 at least." in body
    assert not [name for name in gap["quantities"] if "test" in name]
    assert "held_out_accuracy" in gap["quantities"] or "held_out_r2" in gap["quantities"]
