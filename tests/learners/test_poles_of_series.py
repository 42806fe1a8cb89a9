"""The poles of a series: Oracle is the true flow, Rote replays the record."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.learners.nearest_window import replay
from byheart.learners.reference_learners import Oracle, Rote
from byheart.study.serialization import data_from, data_result
from byheart.tasks.systems.observed_flows import ObservedLorenz63
from byheart.tasks.systems.observed_maps import ObservedHenon
from byheart.tasks.windows import stretches_of
from byheart.training.members import Members, balanced
from byheart.training.training import Training


@pytest.fixture(scope="module")
def lorenz():
    return ObservedLorenz63(n=500, n_test=80, n_validation=0, window=4).draw(0)


def fitted(learner, data, members):
    return learner.fit(data, members, Training((0,))).views


def of_blocks(data, m=4):
    """Members that see two blocks each: the nearest windows of all are of blocks that they do not see."""
    return Members(np.arange(m), np.array([np.isin(data.groups, (7 * j, 7 * j + 1)) for j in range(m)]))


def test_the_oracle_follows_the_true_flow_from_the_last_step_alone(lorenz):
    kept = data_from(data_result(lorenz))  # as a worker reads it: nothing but JSON and arrays
    assert Oracle.can(kept)
    views = fitted(Oracle(), kept, balanced(len(kept.train), 2, 0.7, seed=0))
    assert all(one.loss_nats.max() < 1e-20 for name, one in views.items() if name != "cut 0")
    assert views["cut 0"].loss_nats.mean() > 0.5  # a last step from elsewhere has another next


def test_there_is_no_oracle_of_what_is_seen_in_part(lorenz):
    part = ObservedLorenz63(n=500, n_test=80, window=4, observed="x,y").draw(0)
    assert not Oracle.can(part)
    with pytest.raises(InputRefused, match="all seen"):
        fitted(Oracle(), part, balanced(len(part.train), 2, 0.7, seed=0))


def test_the_oracle_takes_noise_for_the_state():
    noisy = ObservedHenon(n=400, n_test=300, noise=0.01).draw(0)
    assert noisy.truth.best_loss_nats is None
    loss = fitted(Oracle(), noisy, balanced(len(noisy.train), 1, 0.7, seed=0))["test"].loss_nats.mean()
    assert (
        0.01**2 < loss < 20 * 0.01**2
    )  # that of the target, and what the slopes of the map, up to 3.6, make of the other


@pytest.mark.parametrize("blocks", [False, True])
def test_rote_gives_what_followed_the_nearest_window_it_was_trained_on(lorenz, blocks):
    """The slow twin: every window whose steps it has all seen, and every distance, one after another."""
    members = of_blocks(lorenz) if blocks else balanced(len(lorenz.train), 4, 0.5, seed=0)
    run = fitted(Rote(), lorenz, members)
    train, output = lorenz.train, lorenz.output
    after = output.levels(train.x, train.y)
    for j, mask in enumerate(members.seen):
        assert run["train"].loss_nats[0, j][mask].max() < 1e-12
        value = {}
        for row in np.flatnonzero(mask):
            value |= {int(train.ids[row]) - 4 + place: step for place, step in enumerate((*train.x[row], after[row]))}
        ends = [end for end in sorted(value) if all(end - back in value for back in range(5))]
        assert len(ends) >= mask.sum()
        windows = np.array([[value[end - 4 + place] for place in range(4)] for end in ends])
        steps = np.array([value[end] for end in ends])
        for view in ("train", "test", "cut 2"):
            look = lorenz.views[view]
            for place in range(0, len(look), 7):
                far = ((windows - look.x[place]) ** 2).sum((1, 2))
                told = output.levels(look.x[place], run[view].logits[j, place])
                assert np.allclose(told, steps[far.argmin()], atol=1e-6)
    assert run["train"].loss_nats[0][~members.seen].mean() > 0.001


def test_rote_run_freely_replays_the_record(lorenz):
    seen = np.ones(len(lorenz.train), dtype=bool)
    predict, output = replay(lorenz, seen), lorenz.output
    record = stretches_of(lorenz.train, output)[0]
    assert len(record) == 500
    window = lorenz.views["test"].x[3]
    for _ in range(40):
        window = np.concatenate([window[1:], predict(window[None])])
    gone = []
    for _ in range(30):
        after = predict(window[None])[0]
        gone.append(int(np.abs(record - after).sum(1).argmin()))
        assert np.abs(record[gone[-1]] - after).max() == 0
        window = np.concatenate([window[1:], after[None]])
    assert (np.diff(gone) == 1).all()


def test_rote_learns_nothing_from_windows_left_out(lorenz):
    seen = np.zeros(len(lorenz.train), dtype=bool)
    seen[:100] = True
    told = replay(lorenz, seen)(lorenz.views["test"].x)
    record = stretches_of(lorenz.train.take(seen), lorenz.output)[0]
    assert len(record) < 200
    assert {tuple(one) for one in told.tolist()} <= {tuple(one) for one in record.tolist()}
