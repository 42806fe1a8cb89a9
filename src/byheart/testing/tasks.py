"""The suite every task runs: one test a promise of `byheart.tasks.base`.

Use it so, in a test file of your own:

    class TestMine(TaskSuite):
        @pytest.fixture
        def task(self): return Mine()
"""

from __future__ import annotations

import inspect
import os
import pickle
import socket
import subprocess
import sys
from typing import Any

import numpy as np

from byheart.records.spec import canonical
from byheart.tasks.base import Task
from byheart.tasks.data import Examples
from byheart.testing.unchanged import fingerprint, random_state

# The child finds the classes by their files: a test module need not be importable by name.
_CHILD = """
import importlib.util, pickle, sys
files, blob, seed = pickle.load(sys.stdin.buffer)
for name, file in files:
    try:
        __import__(name)
    except ImportError:
        spec = importlib.util.spec_from_file_location(name, file)
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
from byheart.testing.unchanged import fingerprint
print(fingerprint(pickle.loads(blob).draw(seed)))
"""


def _rows(examples: Examples) -> list[bytes]:
    return [np.ascontiguousarray(row).tobytes() for row in examples.x]


def _in_another_process(task: Task, seed: int) -> str:
    """The fingerprint of the draw in a process with another hash seed."""
    kinds = {type(task), *(type(value) for value in dict(task).values() if isinstance(value, Task))}
    files = [(kind.__module__, inspect.getsourcefile(kind)) for kind in kinds]
    environment = {**os.environ, "PYTHONHASHSEED": "271", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", _CHILD],
        input=pickle.dumps((files, pickle.dumps(task), seed)),
        capture_output=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


class TaskSuite:
    """Subclass it and give the fixture `task`; `draws` is False where no seed changes the data."""

    draws = True

    def test_1_same_seed_same_bits_in_another_process(self, task: Task) -> None:
        """Promise 1."""
        here = fingerprint(task.draw(0))
        assert here == fingerprint(task.draw(0)), "two draws of one seed differ in this process"
        assert here == _in_another_process(task, 0), "a draw of the same seed differs in another process"

    def test_2_another_seed_gives_other_data(self, task: Task) -> None:
        """Promise 2; where nothing is drawn, no seed changes anything."""
        same = fingerprint(task.draw(0)) == fingerprint(task.draw(1))
        assert same != self.draws, "another seed must give other data, or the same where nothing is drawn"

    def test_3_ids_are_unique_and_stable(self, task: Task) -> None:
        """Promise 3: an id names one example, in every draw."""
        first, second = task.draw(0), task.draw(1)
        for view, examples in first.views.items():
            assert examples.ids.dtype == np.int64
            assert len(np.unique(examples.ids)) == len(examples), f"{view}: an id is given twice"
            again = dict(zip(second.views[view].ids.tolist(), _rows(second.views[view])))
            for name, row in zip(examples.ids.tolist(), _rows(examples)):
                assert again.get(name, row) == row, f"{view}: id {name} is another example in another draw"

    def test_3_splits_are_disjoint(self, task: Task) -> None:
        """Promise 3: no test example is a training example."""
        data = task.draw(0)
        shared = set(_rows(data.train)) & set(_rows(data.views["test"]))
        assert not shared, f"{len(shared)} examples stand in training and test"

    def test_3_the_train_view_is_what_is_trained_on(self, task: Task) -> None:
        """Promise 3: every example of the train view stands in a phase, and phases hold nothing else."""
        data = task.draw(0)
        trained = np.unique(np.concatenate(data.courses))
        assert np.array_equal(trained, np.arange(len(data.train)))

    def test_4_what_is_known_has_a_source(self, task: Task) -> None:
        """Promise 4: and only what is known is there."""
        data = task.draw(0)
        truth, n, k = data.truth, len(data.train), data.output.k
        names = ("clean", "changed", "posterior", "repeats", "best_loss_nats", "exponents", "dimension")
        names += ("chance_loss_nats", "chance_accuracy")
        known = {name for name in names if getattr(truth, name) is not None}
        known |= {"redrawn"} if truth.redrawn else set()
        assert known <= set(truth.sources), f"without a source: {sorted(known - set(truth.sources))}"
        assert all(truth.sources.values())
        if truth.changed is not None:
            assert truth.clean is not None
            np.testing.assert_array_equal(truth.changed, truth.clean != data.train.y)
        if truth.posterior is not None:
            assert truth.posterior.shape in ((k, k), (n, k))
            np.testing.assert_allclose(truth.posterior.sum(axis=1), 1, atol=1e-12)

    def test_4_what_a_reader_must_know_is_said(self, task: Task) -> None:
        """Promise 4: title, source, licence and sizes, all of them JSON."""
        data = task.draw(0)
        assert {"title", "source", "licence", "n", "n_test"} <= set(data.about)
        assert data.about["n"] == len(data.train)
        assert data.about["n_test"] == len(data.views["test"])
        canonical(dict(data.about))

    def test_5_the_oracle_attains_the_best_loss(self, task: Task) -> None:
        """Promise 5, where there is an oracle: the posterior's mean loss on the training labels."""
        data = task.draw(0)
        truth, y = data.truth, data.train.y
        if truth.posterior is None or truth.best_loss_nats is None:
            return
        by_class = len(truth.posterior) == data.output.k
        rows = truth.posterior[truth.clean] if by_class else truth.posterior
        loss = -np.log(rows[np.arange(len(y)), y]).mean()
        np.testing.assert_allclose(loss, truth.best_loss_nats, rtol=1e-12, atol=1e-15)

    def test_6_global_random_state_is_untouched(self, task: Task) -> None:
        """Promise 6, for `random`, numpy, and torch where it is loaded."""
        before = random_state()
        task.draw(3)
        assert before == random_state(), "a draw moved a global random state"

    def test_7_no_network(self, task: Task, monkeypatch: Any) -> None:
        """Promise 7: it draws where no socket can be opened."""

        def refused(*_: object, **__: object) -> None:
            raise OSError("a task opened a socket")

        monkeypatch.setattr(socket, "socket", refused)
        monkeypatch.setattr(socket, "create_connection", refused)
        monkeypatch.setattr(socket, "getaddrinfo", refused)
        assert len(task.draw(0).train)

    def test_the_output_fits_the_labels(self, task: Task) -> None:
        """Labels are class numbers below k, finite values, or tokens below k; columns fit the features."""
        data = task.draw(0)
        for examples in data.views.values():
            if data.output.passages:
                assert examples.y.dtype == np.int64
                assert np.issubdtype(examples.x.dtype, np.integer)
                assert examples.x.shape == examples.y.shape
                assert examples.x.max() < data.output.k == len(data.output.classes)
                assert (examples.y >= 0).any(1).all(), "an example of which nothing is counted"
                counted = examples.y >= 0
                np.testing.assert_array_equal(examples.y[counted], examples.x[counted])
                continue
            assert np.issubdtype(examples.x.dtype, np.floating)
            if data.output.labelled:
                assert examples.y.dtype == np.int64
                assert examples.y.min() >= 0
                assert examples.y.max() < data.output.k == len(data.output.classes)
            else:
                assert examples.y.dtype == np.float64
                places = np.isfinite(examples.y).reshape(len(examples), -1)
                assert places.any(1).all() if examples.y.ndim > 2 else places.all()
            if data.output.columns:
                assert examples.x.shape[1:] == (len(data.output.columns),)
