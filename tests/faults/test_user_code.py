"""Users' code that ends the process or prints: a failure like any other, and nothing of it on standard output."""

import json
import os
import sys
from os import _exit

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import nn

from byheart.cli.main import main
from byheart.engines.inline import Inline
from byheart.errors import InputRefused
from byheart.exits import apart, as_failures, captured
from byheart.fingerprint.code import comes_back, fingerprint, load
from byheart.learners.estimator import Estimator
from byheart.learners.torch_module import FromFactory
from byheart.learners.userfit import UserFit
from byheart.tasks.arrays import Arrays
from byheart.training.members import balanced
from byheart.training.training import Training

N, M = 60, 3
RECORD = Training((0,))
ENDS = {
    "sys.exit": lambda: sys.exit(0),
    "sys.exit with a text": lambda: sys.exit("no licence"),
    "os._exit": lambda: os._exit(0),
    "an error": lambda: [][0],
}
PLACES = ("fit", "predict", "module", "estimator")


@pytest.fixture(scope="module")
def data():
    x = np.random.default_rng(3).normal(size=(N, 2))
    return Arrays.of(x, (x[:, 0] > 0).astype(int)).draw(0)


@pytest.fixture(scope="module")
def members(data):
    return balanced(len(data.train), M, 0.7, 0)


def learner_of(place, end):
    """A learner whose code ends the process when it is called a second time in `place`."""
    calls = []

    def second():
        calls.append(1)
        if len(calls) == 2:
            end()

    def scores(x):
        if place == "predict":
            second()
        return np.eye(2)[np.ones(len(x), int)]

    def fit(x, y, seed):
        if place == "fit":
            second()
        if place != "module":
            return scores

        class Net(nn.Linear):
            def forward(self, x):
                second()
                return super().forward(x)

        return Net(2, 2).double()

    class Own(ClassifierMixin, BaseEstimator):
        def fit(self, x, y):
            second()
            self.classes_ = np.unique(y)
            return self

        def predict(self, x):
            return np.zeros(len(x), int)

    return Estimator.of(Own()) if place == "estimator" else UserFit.of(fit)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("end", [name for name in ENDS if name != "an error"])
def test_an_exit_fails_the_member_that_an_error_fails(data, members, place, end):
    runs = {name: learner_of(place, ENDS[name]).fit(data, members, RECORD) for name in (end, "an error")}
    which = [[j for j, _ in run.failed] for run in runs.values()]
    assert which[0] == which[1]
    assert len(which[0]) == 1
    assert f"{end.split()[0]}(" in runs[end].failed[0][1]
    assert os._exit is _exit


@pytest.mark.parametrize("end", ENDS)
def test_a_factory_of_modules_that_exits_is_refused_as_one_that_fails(data, members, end):
    def make():
        ENDS[end]()

    learner = FromFactory.of(make, epochs=1)
    assert not learner.keyed
    assert "it could not be built" in learner.unkeyed_reason
    with pytest.raises((RuntimeError, IndexError)):
        learner.fit(data, members, RECORD)


@pytest.mark.parametrize("end", ENDS)
def test_a_module_that_exits_on_x_is_refused_as_one_that_fails(data, members, end):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2))

        def forward(self, x):
            ENDS[end]()

    with pytest.raises(InputRefused, match="takes float32 x of shape"):
        FromFactory.of(Net, epochs=1).fit(data, members, RECORD)


def test_a_forked_child_of_the_users_ends_as_it_asked_to():
    for leave in (sys.exit, os._exit):
        with as_failures():
            child = os.fork()
            if not child:
                leave(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_kept_os_exit_is_the_same_code_in_every_process(tmp_path):
    """It stands in for the real one at import, and must leave no trace of this process in a digest."""
    (tmp_path / "user.py").write_text("from os import _exit\ndef fit(x, y, seed):\n    _exit(0)\n")
    code = fingerprint(load(tmp_path / "user.py", "fit"))
    assert code.digest
    assert comes_back(code.path, code.qualname, code.digest)


def test_what_is_printed_is_counted_by_member_and_bounded(data, members):
    def fit(x, y, seed):
        for _ in range(1000):
            print("line")
        sys.stdout.buffer.write(b"\xff")
        return lambda x: np.eye(2)[np.ones(len(x), int)]

    with captured() as printed:
        UserFit.of(fit).fit(data, members, RECORD)
    assert printed.parts == M
    assert printed.text == "line\n" * 800 + "\n... and 1001 bytes more\n"


SCRIPT = """
import os, subprocess
import numpy as np
print("at import")
x = np.random.default_rng(0).normal(size=(80, 3))
y = (x[:, 0] > 0).astype(int)
def fit(x, y, seed):
    print("within", len(y), "\\x1b[31m")
    os.write(1, b"raw\\n")
    subprocess.run(["echo", "child"])
    if seed % 2:
        os._exit(0)
    return lambda x: np.stack([0 * x[:, 0], x[:, 0]], 1)
"""


def test_standard_output_has_the_document_alone(tmp_path, monkeypatch, capfd):
    (tmp_path / "mine.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["byheart", "audit", "mine.py", "--members", "8", "--jobs", "1", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capfd.readouterr()
    assert not ended.value.code
    assert json.loads(out)["subject"]["members"] == 8 - odd_seeds(8)
    for word in ("at import", "raw", "child"):
        assert word in err
    assert err.count("within") == 1, err  # of the first member trained, to tell the time
    assert "\x1b" not in err
    assert "your code printed 9 times more" in err


def odd_seeds(m):
    seeds = balanced(64, m, 0.7, 0).seeds
    return sum(int(seed) % 2**31 % 2 for seed in seeds)


def test_standard_output_comes_back(capfd):
    with apart():
        os.write(1, b"to the other")
        print("as well")
    os.write(1, b"result")
    out, err = capfd.readouterr()
    assert (out, err) == ("result", "to the otheras well\n")


def test_a_step_that_leaves_the_process_fails_here_and_goes_on():
    ends = list(Inline().run(lambda key: os._exit(0) if key == "b" else key, ["a", "b", "c"]))
    assert [done.value for done in ends] == ["a", None, "c"]
