"""What a plan says of the audit: counts against their slow twin, bytes against the arrays of a real run."""

import time
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from byheart.auditing.audit import planned
from byheart.auditing.request import make_request
from byheart.learners.mlp import Mlp
from byheart.ledger.sqlite import SqliteLedger
from byheart.records.options import Options
from byheart.study import forecast
from byheart.study.costs import WORKER, WORKERS_OWN, Counts, cpu_seconds, memory_bytes, run_bytes
from byheart.study.plan import Settings, Trial, draw_step, trial_step
from byheart.study.steps import perform
from byheart.tasks.digits import Digits
from byheart.training import trial
from byheart.training.members import balanced
from byheart.training.training import Training


@pytest.fixture
def quick(monkeypatch):
    """The trial without its training."""
    monkeypatch.setattr(forecast, "tried", lambda session, drawn: Trial("stacked", 16, 0.25))


def request(members, learner=None):
    return make_request(
        Digits(n=120), learner or Mlp(epochs=2, hidden=(4,)), Options(members=members, device="cpu", jobs=1), "test"
    )


@pytest.mark.parametrize("members", [130, 200, 256])
def test_the_steps_of_many_members_are_those_that_listing_them_gives(members, quick, monkeypatch, tmp_path):
    listed = planned(request(members), tmp_path, {})
    monkeypatch.setattr(forecast, "MOST", 64)
    grown = planned(request(members), tmp_path, {})
    for name in ("members_to_train", "cpu_seconds", "memory_bytes"):
        assert grown[name] == pytest.approx(listed[name], rel=1e-6), name
    for name in ("steps", "to_do", "done"):
        assert abs(grown[name] - listed[name]) <= 1, name


def test_a_milliard_of_members_is_never_listed(quick, monkeypatch, tmp_path):
    asked, made = [], forecast.plan
    monkeypatch.setattr(forecast, "plan", lambda subject, *more: asked.append(subject.members) or made(subject, *more))
    found = planned(request(10**9), tmp_path, {})
    assert max(asked) <= forecast.MOST
    assert found["members_to_train"] == 10**9 + 1  # and the one that is trained on everything
    assert found["memory_bytes"] > 10**9 * 120


def test_time_and_memory_grow_linearly_with_members(quick, tmp_path):
    def rise(name, lower, upper):
        low, high = (planned(request(m), tmp_path, {})[name] for m in (lower, upper))
        return (high - low) / (upper - lower)

    for name in ("cpu_seconds", "memory_bytes"):
        assert rise(name, 160, 320) == pytest.approx(rise(name, 1600, 1_600_000), rel=1e-3)


def test_the_bytes_of_the_bank_are_those_of_a_real_run():
    data, subject = Digits(n=120).draw(0), request(16).subject
    members = balanced(len(data.train), 16, 0.7, 0)
    run = subject.learner.fit(data, members, Training(subject.checkpoints(), trail=True))
    held = {name: array.nbytes for name, array in run.arrays().items() if name not in {"seeds", "seen"}}
    fewer = replace(subject, members=8)
    ours, theirs = (run_bytes(data, one) for one in (subject, fewer))
    beside = ours - sum(held.values())
    views = sum(len(view) for view in data.views.values())
    assert beside == 4 * 16 * views * (9 + 40)
    assert theirs == ours / 2
    assert np.isfinite(beside)


def test_one_member_of_the_users_own_training_is_timed(tmp_path):
    from byheart.learners.userfit import UserFit

    def fit(x, y, seed):
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
        return lambda x: np.zeros(len(x), int)

    found = [planned(request(m, UserFit.of(fit)), tmp_path, {})["cpu_seconds"] for m in (8, 108)]
    assert (found[1] - found[0]) / 100 == pytest.approx(0.3, rel=0.5)


def test_each_worker_has_its_own_packages_and_its_own_data_and_who_waits_for_them_has_neither():
    data, subject = Digits(n=120).draw(0), request(16).subject
    one, two, three = (memory_bytes(data, subject, None, jobs) for jobs in (1, 2, 3))
    counts, known = Counts(20, 20, 17, {}, 9), Trial("stacked", 16, 0.25)
    seconds = [cpu_seconds(data, subject, known, counts, jobs) for jobs in (1, 2, 3)]
    assert np.diff(seconds) == pytest.approx([WORKER, WORKER])
    assert three - two == pytest.approx(WORKERS_OWN + 12 * sum(view.x.size for view in data.views.values()), abs=2)
    assert one < two < 2 * one


def test_a_plan_takes_the_trial_that_the_audit_would_take(monkeypatch, tmp_path):
    """A trial of the same cost shape, of data drawn from another seed, is not done again."""
    subject, timed = request(8).subject, []
    monkeypatch.setattr(trial, "choose", lambda *asked: timed.append(asked) or trial.Choice("stacked", 8, 0.5))
    with closing(SqliteLedger(tmp_path / "ledger")) as ledger:
        draw = draw_step(replace(subject, seed=1))
        for step in (draw, trial_step(replace(subject, seed=1), draw, Settings())):
            ledger.put(step.key, perform(step, ledger), step.about)
    planned(request(8), tmp_path, {})
    assert len(timed) == 1
    planned(request(8, Mlp(epochs=2, hidden=(5,))), tmp_path, {})
    assert len(timed) == 2
