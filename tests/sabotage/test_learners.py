"""Learners that break a promise; the suite must catch each of them."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.base import Learner
from byheart.learners.output_conversion import gathered
from byheart.tasks.digits import Digits
from byheart.testing.learners import LearnerSuite
from byheart.training.members import Members
from byheart.training.preprocessing import checked


@pytest.fixture(scope="module")
def data():
    return Digits(n=100).draw(0)


class Sound(Learner):
    """Class means; keeps every promise. Each broken learner below differs from it in one thing."""

    name = "sound"

    def fit(self, data, members, training):
        data = self.look(data, members)
        logits = {view: [] for view in data.views}
        for j, mask in enumerate(members.mask):
            means = self.means(data, mask, j, members)
            for view, examples in data.views.items():
                distance = ((examples.x.reshape(len(examples), 1, -1)[..., : means.shape[1]] - means) ** 2).sum(-1)
                logits[view].append(-distance)
        logits = {view: np.stack(z) for view, z in logits.items()}
        about = {"outputs": "logits", "cpu_seconds": 0.0}
        return self.kept(gathered(data, members, training.trail, logits, about))

    def look(self, data, members):
        return checked(data, members, (), self.name)

    def means(self, data, mask, j, members):
        flat, y = data.train.x.reshape(len(data.train), -1), data.train.y
        return np.stack([flat[mask & (y == c)].mean(0) if (mask & (y == c)).any() else flat[0] for c in range(10)])

    def kept(self, run):
        return run


class Unseeded(Sound):
    """Promise 1."""

    def means(self, data, mask, j, members):
        return super().means(data, mask, j, members) + 0.01 * np.random.default_rng().normal()


class ByPlace(Sound):
    """Promise 2: a member's start depends on its place in the chunk."""

    def means(self, data, mask, j, members):
        return super().means(data, mask, j, members) + 0.01 * (j > 1)


class SeesAll(Sound):
    """Promise 3: it looks at labels it was not to see."""

    def means(self, data, mask, j, members):
        return super().means(data, np.ones_like(mask), j, members)


class HalvesOnly(Sound):
    """Promise 3: it needs subsets of one size."""

    def means(self, data, mask, j, members):
        rows = np.flatnonzero(mask)[: members.mask.sum(1).min()]
        if members.mask.sum(1).min() != members.mask.sum(1).max():
            return np.full((10, 64), np.nan)
        return super().means(data, np.isin(np.arange(len(mask)), rows), j, members)


class Writes(Sound):
    """Promise 4: it scales the data in place."""

    def look(self, data, members):
        data.train.x[:] *= 0.5
        return super().look(data, members)


class Draws(Sound):
    """Promise 4: it moves numpy's global generator."""

    def look(self, data, members):
        np.random.seed(0)
        np.random.rand()
        return super().look(data, members)


class Flatters(Sound):
    """Promise 5: losses recorded in training, before the last step."""

    def kept(self, run):
        train = replace(run.views["train"], loss_nats=run.views["train"].loss_nats * 0.9)
        return replace(run, views={**run.views, "train": train})


class RightAnyway(Sound):
    """Promise 5: ties and errors counted as right."""

    def kept(self, run):
        test = replace(run.views["test"], correct=np.ones_like(run.views["test"].correct))
        return replace(run, views={**run.views, "test": test})


class Takes(Sound):
    """Promise 6: any width, cut to fit."""

    def look(self, data, members):
        return data


class NoTest(Sound):
    """Promise 7: a view is missing."""

    def kept(self, run):
        return replace(run, views={"train": run.views["train"]})


class Loses(Sound):
    """Promise 7: a member is dropped, and not said to have failed."""

    def fit(self, data, members, *args, **kwargs):
        return super().fit(data, members.take(0, max(1, len(members) - 1)), *args, **kwargs)


class Diverges(Sound):
    """Promise 7: NaN in place of a member's logits."""

    def kept(self, run):
        test = run.views["test"]
        test.logits[0] = np.nan
        return run


class Mingles(Sound):
    """Promise 8: the members of a fleet share what they learn."""

    def means(self, data, mask, j, members):
        own = super().means(data, mask, j, members)
        return own + 0.01 * (len(members) - 1)


class Swaps(Sound):
    """Promise 8: the masks come in another order."""

    def fit(self, data, members, *args, **kwargs):
        run = super().fit(data, Members(members.seeds, members.mask[::-1]), *args, **kwargs)
        return replace(run, members=members)


BROKEN = [
    (Unseeded, "test_1_same_seed_same_logits", "two trainings from one seed differ"),
    (ByPlace, "test_2_chunks_equal_the_whole", "chunks differ from the whole"),
    (HalvesOnly, "test_3_trains_on_any_subset", "not finite"),
    (SeesAll, "test_3_labels_left_out_change_nothing", "labels of left-out examples change"),
    (Writes, "test_4_nothing_else_changes", "training changed its data"),
    (Draws, "test_4_nothing_else_changes", "moved a global random state"),
    (Flatters, "test_5_losses_equal_recomputed", "recorded losses of view train"),
    (RightAnyway, "test_5_losses_equal_recomputed", "`correct` of view test"),
    (Takes, "test_6_wrong_shapes_are_refused", "was taken"),
    (NoTest, "test_7_a_complete_run", "views are missing"),
    (Loses, "test_7_a_complete_run", "members are missing"),
    (Diverges, "test_7_a_complete_run", "not finite"),
    (Mingles, "test_8_alone_equals_in_a_fleet", "member 0 alone differs"),
    (Swaps, "test_8_alone_equals_in_a_fleet", "alone differs"),
]


class TestSound(LearnerSuite):
    """What all the broken ones differ from passes."""

    @pytest.fixture
    def learner(self):
        return Sound()


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("broken, promise, why", BROKEN)
def test_the_suite_catches(broken, promise, why, data):
    fresh = replace(data.train, x=data.train.x.copy())
    own = replace(data, views={**data.views, "train": fresh})
    with pytest.raises(AssertionError, match=why):
        getattr(LearnerSuite(), promise)(broken(), own)
