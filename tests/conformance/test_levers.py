"""Every lever of ours keeps the promises of `byheart.levers.base`."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.recurrent import Recurrent
from byheart.levers.consolidation import Consolidation
from byheart.levers.data_size import DataSize, Deduplication
from byheart.levers.manifold_attractor import ManifoldAttractor
from byheart.levers.moved_inputs import InputNoise, Mixup
from byheart.levers.penalties import Dropout, LabelSmoothing, WeightDecay
from byheart.levers.private_steps import PrivateSteps
from byheart.levers.pruning import Pruning
from byheart.levers.replay import Replay
from byheart.levers.resets import ResetLast, ShrinkPerturb
from byheart.levers.schedules import EarlyStop
from byheart.levers.sharpness import SharpnessAware
from byheart.tasks.data import Data
from byheart.testing.levers import LeverSuite

LEVERS = {  # acting, and at strength 0
    "weight-decay": (WeightDecay(strength=0.5), WeightDecay(strength=0)),
    "weight-decay, l2": (WeightDecay(strength=0.5, form="l2"), WeightDecay(strength=0, form="l2")),
    "dropout": (Dropout(share=0.3), Dropout(share=0)),
    "label-smoothing": (LabelSmoothing(share=0.3), LabelSmoothing(share=0)),
    "early-stop": (EarlyStop(epoch=1), EarlyStop(epoch=9)),
    "mixup": (Mixup(alpha=1), Mixup(alpha=0)),
    "input-noise": (InputNoise(strength=0.3), InputNoise(strength=0)),
    "pruning": (Pruning(share=0.5), Pruning(share=0)),
    "pruning, retrained": (Pruning(share=0.5, retrain=2), Pruning(share=0, retrain=2)),
    "sam": (SharpnessAware(rho=0.1), SharpnessAware(rho=0)),
    "shrink-perturb": (ShrinkPerturb(shrink=0.5, noise=0.1), ShrinkPerturb(shrink=0)),
    "reset-last": (ResetLast(layers=1, epoch=3), ResetLast(layers=0)),
    "dp-sgd": (PrivateSteps(clip=0.5, noise=0.5), PrivateSteps(clip=0)),
    "data-size": (DataSize(share=0.5), DataSize(share=1)),
    "replay": (Replay(share=0.5, size=20), Replay(share=0, size=20)),
    "replay, balanced": (Replay(share=1, size=20, sampling="balanced"), Replay(share=0, sampling="balanced")),
    "ewc": (Consolidation(strength=100, examples=10), Consolidation(strength=0)),
    "ewc, exact": (Consolidation(strength=100, fisher="exact", examples=5), Consolidation(strength=0, fisher="exact")),
}


@pytest.mark.parametrize("name", LEVERS)
class TestLevers(LeverSuite):
    @pytest.fixture
    def lever(self, name):
        return LEVERS[name][0]

    @pytest.fixture
    def idle(self, name):
        return LEVERS[name][1]


class TestDeduplication(LeverSuite):
    def data(self):
        plain = super().data()
        rows = np.repeat(np.arange(75), 2)
        train = plain.train.take(rows)
        return Data({**plain.views, "train": replace(train, ids=np.arange(150))}, plain.output, plain.truth, plain.about)

    @pytest.fixture
    def lever(self):
        return Deduplication(share=1)

    @pytest.fixture
    def idle(self):
        return Deduplication(share=0)


class TestEarlyStopByView(LeverSuite):
    def data(self):
        plain = super().data()
        chosen = plain.views["test"].take(np.arange(40))
        return replace(plain, views={**plain.views, "dev": chosen}, truth=replace(plain.truth, clean_views=("dev",)))

    def learner(self):
        return super().learner().model_copy(update={"lr": 0.3})  # so that the last epoch is not the best

    @pytest.fixture
    def lever(self):
        return EarlyStop(view="dev")

    @pytest.fixture
    def idle(self):
        return EarlyStop(epoch=9)


class TestOfRecurrentNetworks(LeverSuite):
    ways, epochs = ("functional", "each"), 1

    def learner(self):
        return Recurrent(hidden=4, epochs=self.epochs, batch=self.batch)

    @pytest.fixture
    def lever(self):
        return ManifoldAttractor(strength=1, begin=True)

    @pytest.fixture
    def idle(self):
        return ManifoldAttractor(strength=0)
