"""Specs, subjects and data go into the ledger and come back the same."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from byheart.fingerprint.description import described, revive
from byheart.learners.estimator import Estimator
from byheart.ledger.base import Result
from byheart.probes.base import Subject
from byheart.registry import BUILT_IN, find
from byheart.study.serialization import data_from, data_result
from byheart.study.steps import revive_subject
from byheart.tasks.arrays import Arrays
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.tasks.modular import Modular
from byheart.tasks.table import Table


def _whole(kind, name):
    """A spec of this name, with settings where it needs some."""
    cls = find(kind, name)
    if kind == "lever":
        return cls(**{next(iter(cls.model_fields)): {"early-stop": 1, "reset-last": 1, "augmentation": "pictures"}.get(name, 0.25)})
    if not any(field.is_required() for field in cls.model_fields.values()):
        return None if name == "module" else cls()
    return None


WHOLE = [
    pytest.param(spec, id=f"{kind}-{name}")
    for kind in sorted(BUILT_IN.keys() - {"engine", "ledger", "claim"})  # those are no specs
    for name in BUILT_IN[kind]
    if (spec := _whole(kind, name)) is not None
]


def _same(spec):
    kept = json.loads(json.dumps(described(spec)))
    again = revive(kept)
    assert type(again) is type(spec)
    assert again == spec
    assert again.key() == spec.key()


@pytest.mark.parametrize("spec", WHOLE)
def test_every_spec_comes_back_from_its_description(spec):
    _same(spec)


def test_the_list_of_specs_is_not_empty_by_mistake():
    kinds = {param.values[0].kind for param in WHOLE}
    assert kinds == {"keep", "task", "learner", "lever", "probe", "verdict"}


@pytest.mark.parametrize("task", [
    Flipped(task=Digits()), Flipped(task=Flipped(task=Modular(p=7), share=0.2), share=0.1), Modular(p=11, share=0.4),
])  # fmt: skip
def test_nested_tasks_come_back(task):
    _same(task)


@pytest.mark.parametrize("instance", [
    LogisticRegression(C=0.5), make_pipeline(StandardScaler(), LogisticRegression(max_iter=7)),
])  # fmt: skip
def test_estimators_come_back(instance):
    _same(Estimator.of(instance))


def test_a_table_comes_back_and_draws_the_same(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{i % 7},{i * 0.5},{'yes' if i % 3 else 'no'}" for i in range(60)]
    path.write_text("a,b,target\n" + "\n".join(rows))
    task = Table.of(path, "target", categorical=("a",))
    _same(task)
    assert np.array_equal(revive(described(task)).draw(0).train.x, task.draw(0).train.x)


def test_a_subject_comes_back():
    levers = tuple(find("lever", name)(**{field: value}) for name, field, value in (
        ("dropout", "share", 0.5), ("early-stop", "epoch", 2)))  # fmt: skip
    subject = Subject(Flipped(task=Digits()), find("learner", "mlp")(epochs=3), levers, 4, 9, 0.6, frozenset({"test"}))
    document = {
        "task": described(subject.task), "learner": described(subject.learner),
        "levers": [described(lever) for lever in levers], "seed": 4, "members": 9, "share": 0.6, "offers": ["test"],
    }  # fmt: skip
    assert revive_subject(json.loads(json.dumps(document))) == subject


@pytest.mark.parametrize("task", [
    Modular(p=7), Flipped(task=Digits(), share=0.1),
    Arrays.of(np.arange(80.0).reshape(40, 2), ["a", "b"] * 20), Arrays.of(np.arange(80.0).reshape(40, 2), np.arange(40) / 3),
])  # fmt: skip
def test_data_come_back_whole(task):
    data = task.draw(3)
    result = data_result(data)
    again = data_from(Result(json.loads(json.dumps(result.document)), result.arrays))
    assert again.output == data.output
    assert again.truth.redrawn == data.truth.redrawn
    assert again.truth.best_loss_nats == data.truth.best_loss_nats
    assert set(again.views) == set(data.views)
    for view, examples in data.views.items():
        for name in ("ids", "x", "y"):
            ours, theirs = getattr(examples, name), getattr(again.views[view], name)
            assert ours.dtype == theirs.dtype
            assert np.array_equal(ours, theirs)
        assert {name: list(v) for name, v in examples.meta.items()} == {
            name: list(v) for name, v in again.views[view].meta.items()
        }
    for name in ("clean", "changed", "posterior"):
        ours, theirs = getattr(data.truth, name), getattr(again.truth, name)
        assert (ours is None) == (theirs is None)
        assert ours is None or np.array_equal(ours, theirs)
