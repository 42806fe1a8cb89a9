"""x as a dictionary of arrays: kept as columns, given as it came, in Python, in the ledger and on the page."""

import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeClassifier

import byheart
from byheart.errors import InputRefused
from byheart.learners.torch_module import FromFactory
from byheart.study.serialization import data_from, data_result
from byheart.tasks.arrays import Arrays
from byheart.tasks.data import Examples
from byheart.tasks.parts import Parts, side_by_side
from byheart.training.members import balanced
from byheart.training.training import Training

RNG = np.random.default_rng(0)
N = 120
WORD = RNG.integers(0, 3, (N, 2))
X = {"image": RNG.random((N, 3, 3)).astype(np.float32), "word": WORD, "age": RNG.normal(size=N)}
Y = (WORD.sum(1) + (X["age"] > 0) > 2).astype(int)
SETTINGS = {"epochs": 4, "batch": 16}


class Reader(torch.nn.Module):
    """Reads each part by its name and type."""

    def __init__(self):
        super().__init__()
        self.words, self.last = torch.nn.Embedding(3, 2), torch.nn.Linear(9 + 4 + 1, 2)

    def forward(self, x):
        assert x["word"].dtype == torch.int64
        assert x["age"].dim() == 1
        parts = (x["image"].flatten(1), self.words(x["word"]).flatten(1), x["age"][:, None])
        return self.last(torch.cat(parts, 1))


def test_what_was_given_is_given():
    examples = Examples(np.arange(N), X, Y)
    for some, rows in ((examples.given("x"), slice(None)), (examples.given("x", np.array([5, 3])), [5, 3])):
        assert list(some) == list(X)
        for name, part in some.items():
            assert part.dtype == X[name].dtype
            assert np.array_equal(part, X[name][rows])
    assert np.array_equal(examples.take(np.array([7])).given("x")["word"], WORD[[7]])


def test_it_survives_the_ledger():
    data = Arrays.of(X, Y).draw(0)
    back = data_from(data_result(data))
    assert back.train.containers["x"] == data.train.containers["x"]
    for name, part in back.train.given("x").items():
        assert np.array_equal(part, data.train.given("x")[name])


def test_equal_columns_of_other_parts_have_another_key():
    a, b = {"a": np.ones((N, 2)), "b": np.ones((N, 1))}, {"a": np.ones((N, 1)), "b": np.ones((N, 2))}
    a, b = ({name: part + RNG.permutation(N)[:, None] * 0 + np.arange(N)[:, None] for name, part in one.items()} for one in (a, b))
    assert Arrays.of(a, Y).key() != Arrays.of(b, Y).key()


@pytest.mark.parametrize("way", ["functional", "each"])
def test_a_module_gets_the_dictionary(way):
    data = Arrays.of(X, Y).draw(0)
    members = balanced(len(data.train), 2, 0.7, seed=0)
    learner = FromFactory.of(Reader, epochs=30, batch=16, lr=0.05)
    run = learner.fit(data, members, Training((30,), way=way))
    assert run.views["train"].correct[-1].mean() > 0.9
    assert run.about["inputs"].startswith("as given, a dictionary of arrays: image float32 (n, 3, 3), word int64 (n, 2)")


def test_an_audit_of_a_dictionary():
    found = byheart.audit((X, Y), model=Reader, members=8, settings=SETTINGS, say=lambda line: None)
    assert {answer.status for answer in found.findings.values()} <= {"measured", "withheld", "not applicable"}


def test_training_of_ones_own_gets_the_dictionary():
    def fit(x, y, seed):
        assert x["image"].shape[1:] == (3, 3)
        assert x["word"].dtype == np.int64
        means = np.array([x["age"][y == c].mean() for c in (0, 1)])
        return lambda new: -((new["age"][:, None] - means) ** 2)

    found = byheart.audit((X, Y), fit=fit, members=8, say=lambda line: None)
    assert found.findings["generalization/gap"].status == "measured"


def test_an_estimator_refuses_it_by_name():
    with pytest.raises(InputRefused, match="one array x for a scikit-learn estimator, got a dictionary of image, word, age"):
        byheart.audit((X, Y), model=DecisionTreeClassifier(), members=8, say=lambda line: None)


@pytest.mark.parametrize("parts, said", [
    ({"a": np.ones(3), "b": np.ones(4)}, "a: 3, b: 4"), ({}, "none"), ({"a": np.array(["x", "y"])}, "numbers in x"),
    ({"a": np.array([2**25])}, "beyond that"),
])  # fmt: skip
def test_what_cannot_be_kept_is_refused(parts, said):
    with pytest.raises(InputRefused, match=said):
        side_by_side(parts)


def test_the_layout_is_that_of_the_arrays():
    layout = Parts.of_arrays(X)
    for name, part in layout.split(side_by_side(X)).items():
        assert np.array_equal(part, X[name])


def test_numbers_without_an_axis_and_a_dictionary_of_groups_are_refused():
    y = np.arange(60) % 2
    with pytest.raises(InputRefused, match="arrays of one length"):
        Arrays.of({"a": np.float64(1)}, y)
    with pytest.raises(InputRefused, match="groups"):
        Arrays.of(np.ones((60, 2)), y, groups={"a": 1})
