"""The transformer: promises, losses by hand, causality, what it refuses, and that it can learn and remember."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import torch

from byheart.errors import InputRefused, UsageError
from byheart.learners.decoder import Decoder
from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.learners.sequence_steps import CONTINUATIONS
from byheart.learners.transformer import Transformer
from byheart.levers.base import Batch
from byheart.levers.penalties import Dropout, LabelSmoothing, WeightDecay
from byheart.maths.codes.passages import GRID
from byheart.maths.memorisation.extraction import continuation_nats, greedy_extractable
from byheart.tasks.canaries import Canaries
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.digits import Digits
from byheart.tasks.output import Tokens
from byheart.tasks.output.classes import cross_entropy
from byheart.tasks.text import Text
from byheart.training.keep import Weights
from byheart.training.members import Members, balanced
from byheart.training.run import Run, joined
from byheart.training.training import Training
from byheart.training.ways import ways_for

TINY = Transformer(width=8, heads=2, epochs=2, batch=16)


@functools.cache
def data():
    text = Text(n=60, n_test=20, window=32)
    return Canaries(task=text, repeats=(2,), each=2, held_out=4, references=20).draw(0)


def fit(learner=TINY, drawn=None, members=None, way="each", keep=(), levers=(), trail=True):
    drawn = drawn or data()
    members = members or balanced(len(drawn.train), 3, 0.7, seed=0)
    record = Training((0, learner.epochs), trail=trail, keep=keep)
    return learner.fit(drawn, members, replace(record, levers=levers, way=way))


@functools.cache
def fitted():
    return fit(keep=(Weights(),))


def module_of(run, j):
    made = Decoder(data().output.k, 32, 8, 1, 2, torch.Generator())
    made.load_state_dict({name: torch.from_numpy(value[j]) for name, value in run.kept["weights"].items()})
    return made.eval()


def same(a, b, rounding=0.0):
    for view in a.views:
        for name in ("loss_nats", "pool", "trail"):
            one, other = getattr(a.views[view], name), getattr(b.views[view], name)
            assert (one is None) == (other is None)
            if one is not None:
                np.testing.assert_allclose(one, other, rtol=rounding, atol=rounding)


def test_1_same_seed_same_bits(untouched):
    again = fit(keep=(Weights(),))
    same(fitted(), again)
    for name, value in fitted().kept["weights"].items():
        assert (again.kept["weights"][name] == value).all()


def test_2_chunks_equal_the_whole():
    members = balanced(len(data().train), 3, 0.7, seed=0)
    parts = [fit(members=members.take(0, 1)), fit(members=members.take(1, 3))]
    same(joined([(part.document(), part.arrays()) for part in parts]), fitted())


def test_3_what_a_member_does_not_see_it_does_not_know():
    members = balanced(len(data().train), 1, 0.7, seed=0)
    train, out = data().train, ~members.mask[0]
    x, y = train.x.copy(), train.y.copy()
    x[out], y[out] = 0, 0
    other = replace(train, x=x, y=y)
    changed = replace(data(), views={**data().views, "train": other})
    a, b = fit(members=members), fit(drawn=changed, members=members)
    np.testing.assert_array_equal(a.views["test"].loss_nats, b.views["test"].loss_nats)


def test_4_data_and_members_stay_as_they_are(untouched):
    before = [view.x.tobytes() + view.y.tobytes() for view in data().views.values()]
    fit()
    assert before == [view.x.tobytes() + view.y.tobytes() for view in data().views.values()]


@torch.no_grad()
def test_5_recorded_outcomes_are_those_of_the_weights():
    run = fitted()
    for view, examples in data().views.items():
        kept = run.views[view]
        for j in range(3):
            logits = module_of(run, j)(torch.from_numpy(examples.x)).numpy()
            expected = continuation_nats(logits, examples.y)
            np.testing.assert_allclose(kept.loss_nats[-1, j], expected, rtol=1e-4)
            told = greedy_extractable(logits, examples.y)
            assert (kept.correct[-1, j] == told).all()
            if view in CONTINUATIONS:  # the counted places alone
                np.testing.assert_allclose(kept.logits[j], logits[:, (examples.y >= 0).any(0)], atol=1e-4)
        assert (kept.logits is None) == (view not in CONTINUATIONS)
        assert kept.margin is None


@torch.no_grad()
def test_5_the_grid_of_pools_by_hand():
    run, train = fitted(), data().train
    counted = train.y >= 0
    q = np.bincount(train.y[counted], minlength=data().output.k) + 0.5
    log_q = np.log(q / q.sum())
    logits = module_of(run, 1)(torch.from_numpy(train.x)).double()
    log_p = logits.log_softmax(-1).numpy()
    for g, b in enumerate(GRID):
        expected = continuation_nats(b * log_p + (1 - b) * log_q, train.y)
        np.testing.assert_allclose(run.views["train"].pool[1, :, g], expected, rtol=1e-4)
    reference = np.where(counted, -log_q[np.maximum(train.y, 0)], 0).sum(1)
    np.testing.assert_allclose(run.views["train"].pool[:, :, 0], np.tile(reference, (3, 1)), rtol=1e-5)
    np.testing.assert_allclose(run.views["train"].trail[-1], run.views["train"].pool, rtol=1e-6)
    assert run.views["test"].pool is None


def test_6_other_data_other_learners_and_wrong_shapes_are_refused():
    with pytest.raises(InputRefused, match=r"transformer, which gives tokens.*needs classes"):
        fit(drawn=Digits(n=30).draw(0))
    for learner in (Mlp(epochs=1), Neighbours()):
        with pytest.raises(InputRefused, match=r"needs tokens.*--learner transformer"):
            fit(learner=learner) if learner.steps() else learner.fit(data(), balanced(len(data().train), 2, 0.7, 0), Training((0,)))
    short = replace(data().views["test"], x=data().views["test"].x[:, :-1])
    with pytest.raises(InputRefused, match=r"shape \(32,\) in view test.*\(31,\)"):
        fit(drawn=replace(data(), views={**data().views, "test": short}))
    with pytest.raises(UsageError, match="a width that 3 heads divide"):
        fit(learner=Transformer(width=8, heads=3, epochs=1))
    with pytest.raises(UsageError, match="width"):
        Transformer(width=2)


def test_7_a_complete_run_that_comes_back():
    run = fitted()
    assert run.about["outputs"] == "tokens"
    assert run.about["parameters"] == sum(value[0].size for value in run.kept["weights"].values())
    for view, examples in data().views.items():
        assert run.views[view].loss_nats.shape == run.views[view].correct.shape == (2, 3, len(examples))
    again = Run.from_parts(run.document(), run.arrays())
    same(run, again)
    assert fit(trail=False).views["train"].trail is None
    assert fit(trail=False).views["train"].pool.shape == (3, len(data().train), len(GRID))


def test_8_alone_equals_in_a_fleet():
    same(fitted(), fit(way="functional"), rounding=2e-3)


def test_a_fleet_can_batch_it():
    assert ways_for(Decoder(5, 4, 8, 1, 2, torch.Generator())) == ("functional", "each")


def test_it_never_looks_ahead_and_reads_all_that_is_before():
    made = Decoder(7, 10, 8, 2, 2, torch.Generator().manual_seed(0)).eval()
    x = torch.randint(0, 7, (1, 10), generator=torch.Generator().manual_seed(1))
    logits = made(x)
    for place in range(10):
        y = x.clone()
        y[0, place] = (y[0, place] + 1) % 7
        moved = (made(y) - logits).abs().amax(-1)[0] > 1e-7
        assert not moved[: place + 1].any()
        assert moved[place + 1 :].all()
    np.testing.assert_allclose(made(x[:, :4]).detach(), logits[:, :4].detach(), atol=1e-6)


def test_the_slope_is_the_derivative_of_the_counted_losses():
    drawn = data()
    training = TINY.stepper(drawn, balanced(len(drawn.train), 1, 0.7, 0), (), "each", "cpu")
    logits = torch.randn(1, 2, 32, drawn.output.k, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    targets = torch.from_numpy(drawn.train.y[[0, -1]])[None]  # a passage, and a canary with padding
    loss = cross_entropy(logits, targets.clamp(min=0)) * (targets >= 0)
    expected = torch.autograd.grad(loss.sum(), logits)[0]
    np.testing.assert_allclose(training.slope(logits.detach(), Batch(targets, targets, targets)), expected, atol=1e-12)
    assert (expected[0, 1, -1] == 0).all()


@pytest.mark.parametrize("lever, same_as_none", [
    (LabelSmoothing(share=0.0), True), (LabelSmoothing(share=0.3), False), (WeightDecay(strength=0.5), False),
    (Dropout(share=0.5), False),
])  # fmt: skip
def test_levers_act_on_text_too(lever, same_as_none):
    a, b = fitted().views["test"].loss_nats, fit(levers=(lever,)).views["test"].loss_nats
    assert np.allclose(a[-1], b[-1], rtol=1e-4) == same_as_none
    assert np.isfinite(b).all()


def test_untrained_it_knows_nothing():
    start = fitted().views["test"].loss_nats[0] / 32
    assert np.abs(start - np.log(data().output.k)).max() < 0.5


def test_it_learns_the_rule_and_remembers_the_noise():
    """Tokens alternate in pairs; in the second half of each passage they are random: understood, and memorised."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 4, (60, 8)).repeat(2, 1), rng.integers(4, 8, (60, 8))
    x = np.concatenate([first, second], 1)
    everything = Examples(np.arange(60), x.astype(np.uint8), x)
    train, test = everything.take(np.arange(40)), everything.take(np.arange(40, 60))
    output = Tokens(8, tuple("abcdefgh"))
    drawn = Data({"train": train, "test": test}, output, Truth(), {})
    members = Members(np.array([1]), np.ones((1, 40), bool))
    run = fit(learner=Transformer(width=32, epochs=200, batch=40, lr=0.01), drawn=drawn, members=members)
    seen, new = (run.views[view].loss_nats[-1, 0].mean() / np.log(2) for view in ("train", "test"))
    source = 8 * 2 + 8 * 2  # bits of a passage: eight free tokens of four in each half
    assert seen < 0.5 * source
    assert new > source - 1
    half = replace(test, y=np.where(np.arange(24) < 16, test.y, -1))
    asked = replace(drawn, views={"train": train, "test": half})
    run = fit(learner=Transformer(width=32, epochs=30, batch=10, lr=0.01), drawn=asked, members=members)
    assert run.views["test"].loss_nats[-1, 0].mean() / np.log(2) < 1.3 * 16


def test_attention_that_does_not_fit_in_memory_is_refused_before_training():
    drawn = Text(n=200, n_test=20, window=1024).draw(0)
    with pytest.raises(InputRefused, match=r"at most 2 GiB.*about 8\.8 GiB: 140 passages of 1024 tokens.*shorter"):
        fit(learner=Transformer(batch=256, heads=4, width=8, epochs=1), drawn=drawn)


def test_long_passages_are_read_a_few_at_a_time():
    training = TINY.stepper(data(), balanced(len(data().train), 1, 0.7, 0), (), "each", "cpu")
    assert [training._at_once(places) for places in (64, 256, 1024, 8192)] == [256, 256, 16, 1]


def test_a_view_in_which_no_token_counts_is_refused():
    drawn = data()
    empty = drawn.views["test"].take(np.arange(0))
    with pytest.raises(InputRefused, match=r"one token to be given in the view 'test'.*0 sequences"):
        fit(drawn=replace(drawn, views={**drawn.views, "test": empty}))
