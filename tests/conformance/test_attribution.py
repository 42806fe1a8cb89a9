"""Credit and effect keep the promises of `byheart.probes.base`; their runs are recorded trainings."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.mlp import Mlp
from byheart.probes.base import reason
from byheart.probes.memory.credit import Credit
from byheart.probes.memory.effect import Effect
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.testing.probes import ProbeSuite, bank_of

MEMBERS = 24


def small(**settings):
    return Mlp(hidden=(16,), **{"epochs": 20, "lr": 0.02, "batch": 32, **settings})


def noisy(probe, share=0.2, members=MEMBERS):
    return bank_of(probe, Flipped(task=Digits(n=200), share=share), small(), members=members, way="stacked")


def answered(probe, bank, **arrays):
    """The bank with other answers of the recorded training."""
    key = next(key for key, run in bank.runs.items() if run.attribution)
    run = bank.runs[key]
    return replace(bank, runs={**bank.runs, key: run.with_kept("attribution", {**run.attribution, **arrays})})


class OfRecorded(ProbeSuite):
    """Its poles are what a table and a fixed truth would answer: their training has no steps to record."""

    doses = (0.0, 0.1, 0.3)
    test_8_one_sided_examples_are_not_applicable = None  # the model trained on everything has no sides
    answers = ()

    @pytest.fixture(scope="class")
    def bank(self, probe):
        return noisy(probe)

    def pole(self, probe, name):
        bank = noisy(probe, members=16)
        run = next(run for run in bank.runs.values() if run.attribution)
        q = len(run.attribution["test_ids"])
        made = {answer: np.zeros_like(run.attribution[answer]) for answer in self.answers}
        if name == "rote":
            place = {int(ident): row for row, ident in enumerate(bank.data.train.ids)}
            for j, ident in enumerate(run.attribution["train_ids"]):
                made[self.answers[0]][q + j, place[int(ident)]] = 2.0
        return answered(probe, bank, **made)

    def dosed(self, probe, dose):
        return noisy(probe, dose, members=8)

    def test_8_a_training_without_steps_is_not_applicable(self, probe, bank):
        from byheart.learners.neighbours import Neighbours

        answer = probe.requires(replace(bank.subject, learner=Neighbours()))
        assert answer.status == "not applicable"
        assert answer.reason.code == "not recorded"

    def test_it_is_asked_on_request_alone(self, probe, bank):
        answer = type(probe).by_default().requires(bank.subject)
        assert answer.reason == reason("on request", probe=probe.name)


class TestCredit(OfRecorded):
    answers = ("credit", "kernel", "initial", "decay", "remainder", "output")

    @pytest.fixture(scope="class")
    def probe(self):
        return Credit(train=64)


class TestEffect(OfRecorded):
    answers = ("effect",)
    dosed_quantity = "self_effect_share"  # the headline is withheld where so few members cannot check it

    @pytest.fixture(scope="class")
    def probe(self):
        return Effect(train=64)
