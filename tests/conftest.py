"""One torch thread, no network, and the global random state watched, in every test."""

import random
import socket

import numpy as np
import pytest
import torch

torch.set_num_threads(1)


def _closed(*args, **kwargs):
    raise AssertionError("a test opened a network connection; byheart has none at run time")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", _closed)
    monkeypatch.setattr(socket, "create_connection", _closed)


@pytest.fixture
def rng():
    return np.random.default_rng(20261124)


@pytest.fixture
def untouched():
    """Fails the test when the global random state of python, numpy or torch moved."""
    before = random.getstate(), np.random.get_state()[1].copy(), torch.random.get_rng_state()
    yield
    assert random.getstate() == before[0]
    assert (np.random.get_state()[1] == before[1]).all()
    assert torch.equal(torch.random.get_rng_state(), before[2])
