"""Levers that break a promise; the suite must catch each of them."""

from dataclasses import replace

import pytest
import torch

from byheart.levers.base import Lever
from byheart.testing.levers import LeverSuite


class Sound(Lever):
    """Adds noise to x and pulls weights to their mean so far; keeps every promise. Each broken one differs in one thing."""

    name = "sound"
    strength: float = 0.1

    def start(self, course):
        return {f"mean.{name}": w.clone() for name, w in course.weights.items()}

    def batch(self, batch, course, state):
        if not self.strength:
            return batch
        noise = torch.stack([torch.randn(course.most, *batch.x.shape[2:], generator=g) for g in state.streams])
        return replace(batch, x=batch.x + self.strength * noise[:, : batch.x.shape[1]])

    def gradient(self, course, state):
        if self.strength:
            for name, g in course.gradients.items():
                g.add_(course.weights[name] - state[f"mean.{name}"], alpha=self.strength)

    def after(self, course, state):
        for name, w in course.weights.items():
            state[f"mean.{name}"].mul_(0.9).add_(w, alpha=0.1)


class Idle(Sound):
    """It acts not at all."""

    def batch(self, batch, course, state):
        return batch

    def gradient(self, course, state):
        return


class NeverOff(Sound):
    """Promise 1: at strength 0 it rounds what it sees."""

    def batch(self, batch, course, state):
        return replace(super().batch(batch, course, state), x=batch.x * 1.0001)


class OneStream(Sound):
    """Promise 2: all members share the first one's noise."""

    def batch(self, batch, course, state):
        if not self.strength:
            return batch
        noise = torch.randn(course.m, course.most, *batch.x.shape[2:], generator=state.streams[0])
        return replace(batch, x=batch.x + noise[:, : batch.x.shape[1]])


class ByBatch(Sound):
    """Promise 2: as many numbers as the batch has examples, filled up ones among them."""

    def batch(self, batch, course, state):
        if not self.strength:
            return batch
        noise = torch.stack([torch.randn(batch.x.shape[1:], generator=g) for g in state.streams])
        return replace(batch, x=batch.x + self.strength * noise)


class Forgets(Sound):
    """Promise 3: what it remembers stands beside its state."""

    def start(self, course):
        Forgets.steps = 0
        return super().start(course)

    def after(self, course, state):
        Forgets.steps += 1
        super().after(course, state)

    def gradient(self, course, state):
        if self.strength and Forgets.steps % 3:
            super().gradient(course, state)


class OfNobody(Sound):
    """Promise 3: a tensor without members."""

    def start(self, course):
        return {**super().start(course), "steps": torch.zeros(1)}


class Scored(Sound):
    """Promise 4: it writes into the data that are scored."""

    def data(self, data):
        if self.strength:
            data.views["test"].x[:] += 0.01
        return data


CAUGHT = [
    (Idle, "test_it_acts"),
    (NeverOff, "test_1_strength_0_changes_nothing"),
    (OneStream, "test_2_alone_equals_in_a_fleet"),
    (ByBatch, "test_2_alone_equals_in_a_fleet"),
    (Forgets, "test_3_resumed_equals_uninterrupted"),
    (OfNobody, "test_3_what_it_remembers_are_tensors_of_the_members"),
    (Scored, "test_4_what_is_scored_stays_as_drawn"),
]
TESTS = [name for name in dir(LeverSuite) if name.startswith("test_")]


def hold(cls, test):
    strength = 0.0 if test.startswith("test_1") else 0.1
    getattr(LeverSuite(), test)(cls(strength=strength))


@pytest.mark.parametrize("test", TESTS)
def test_a_sound_lever_passes(test):
    hold(Sound, test)


@pytest.mark.parametrize(("broken", "test"), CAUGHT, ids=[f"{cls.__name__} {test}" for cls, test in CAUGHT])
def test_a_broken_promise_is_caught(broken, test):
    with pytest.raises(AssertionError):
        hold(broken, test)
