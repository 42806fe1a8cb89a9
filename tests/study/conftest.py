"""Small subjects, a session over them, and a watch on the steps that really run."""

import copy

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import byheart.study.steps as steps
from byheart.auditing.audit import run as carry_out
from byheart.auditing.given import arrays_from, learner_from
from byheart.auditing.request import make_request
from byheart.learners.mlp import Mlp
from byheart.records.options import Options
from byheart.tasks.modular import Modular


def _xy():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(70, 3))
    y = (x[:, 0] > 0).astype(int)
    y[:6] = 1 - y[:6]
    return x, y


@pytest.fixture
def xy():
    return _xy()


@pytest.fixture
def ran(monkeypatch):
    """(kind, key) of every step that runs in this process, in order."""
    log = []
    real = steps.perform

    def perform(step, ledger):
        outcome = real(step, ledger)
        log.append((step.kind, step.key))
        return outcome

    monkeypatch.setattr(steps, "perform", perform)
    return log


def _request(task, learner, **options):
    return make_request(task, learner, Options(**{"members": 8, "device": "cpu", "jobs": 1} | options), "test")


def _tree(**options):
    task = arrays_from(_xy(), None, {})
    return _request(task, learner_from(DecisionTreeClassifier(), None, "auto"), **options)


@pytest.fixture
def tree():
    """A request for a tree on arrays: its steps run in this process."""
    return _tree


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a finished audit of `tree`, to be copied."""
    folder = tmp_path_factory.mktemp("finished")
    carry_out(_tree(), folder)
    return folder


@pytest.fixture
def network():
    """A request for a small network on a small table of sums: its steps run anywhere."""

    def made(**options):
        return _request(Modular(p=7), Mlp(hidden=(4,), epochs=2), **options)

    return made


@pytest.fixture
def timeless():
    """A document without times: what must be equal however an audit came about."""

    def made(audit):
        document = copy.deepcopy(audit.to_dict())
        document["provenance"].pop("cpu_seconds")
        return document

    return made
