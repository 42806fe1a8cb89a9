"""What a recorded training is asked: the answers add up, in the units of the target, about examples drawn by id."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.learners.attribution_run import Questions, attributed, rows_asked
from byheart.learners.mlp import Mlp
from byheart.learners.recurrent import Recurrent
from byheart.learners.transformer import Transformer
from byheart.tasks.arrays import Arrays
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.tasks.text import Text
from byheart.training.members import balanced
from byheart.training.run import Run
from byheart.training.training import Training

ALL = Questions(credit=True, effect="unrolled", test=3, train=4)


def answers(learner, data, asked=ALL):
    run = attributed(learner, data, balanced(len(data.train), 1, 1.0, 0), asked)
    return run, run.attribution


def values(n=60, d=3):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d))
    y = 40 + 10 * x[:, 0] - 5 * x[:, 1] + rng.normal(size=n)
    return Arrays.of(x[:40], y[:40], x[40:], y[40:], task="values").draw(0)


def small(**settings):
    return Mlp(hidden=(8,), epochs=4, batch=16, lr=0.02, **settings)


@pytest.mark.parametrize("kind", ["classes", "values", "tokens", "sequences"])
def test_credits_add_up_to_what_the_model_says(kind):
    if kind == "classes":
        learner, data = small(), Digits(n=80).draw(0)
    elif kind == "values":
        learner, data = small(activation="tanh"), values()
    elif kind == "sequences":
        learner, data = Recurrent(hidden=6, layers=2, epochs=4, batch=16), Digits(n=80).draw(0)
    else:
        learner, data = Transformer(width=8, heads=2, layers=1, epochs=1), Text(n=40).draw(0)
    run, found = answers(learner, data)
    total = found["initial"] + found["credit"].astype(float).sum(1) + found["decay"] + found["remainder"]
    np.testing.assert_allclose(total, found["output"], rtol=1e-5, atol=1e-5)
    place = {int(ident): row for row, ident in enumerate(data.views["test"].ids)}
    rows = [place[int(ident)] for ident in found["test_ids"]]
    test = run.views["test"]
    said = {"values": None, "tokens": -test.loss_nats}.get(kind, test.margin)
    said = test.logits[0, rows, 0] if said is None else said[-1, 0, rows]
    np.testing.assert_allclose(found["output"][:3], said, rtol=1e-4, atol=1e-3)
    assert found["effect"].shape == found["credit"].shape == (7, len(data.train))


def test_values_are_told_in_their_own_units():
    """Ten times the values: ten times the credit and the effect."""
    data, learner = values(), small(optimizer="sgd", schedule="constant")
    train, test = data.train, data.views["test"]
    larger = Arrays.of(train.x, 10 * train.y, test.x, 10 * test.y, task="values").draw(0)
    (_, one), (_, ten) = answers(learner, data), answers(learner, larger)
    for name in ("credit", "effect", "initial", "output"):
        np.testing.assert_allclose(ten[name], 10 * one[name], rtol=1e-3, atol=1e-3)


def test_the_effect_on_itself_is_a_derivative():
    """A linear model, one step of SGD from the recorded start: tau = rate/n <grad margin, -grad loss>, by hand."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 2)), np.arange(24) % 2
    data = Arrays.of(x, y, x[:3], y[:3], task="classes").draw(0)
    learner = Mlp(hidden=(), epochs=1, batch=24, lr=0.5, optimizer="sgd", schedule="constant")
    asked = Questions(credit=True, effect="unrolled", moments=0, hessian="exact", test=0, train=24)
    _, found = answers(learner, data, asked)
    np.testing.assert_allclose(found["effect"], found["credit"], rtol=1e-4, atol=1e-6)  # one step: both are the product
    assert (np.diag(found["effect"][:, [list(data.train.ids).index(i) for i in found["train_ids"]]]) > 0).all()


@pytest.mark.parametrize("method", ["curvature", "checkpoints", "projected"])
def test_every_method_gives_a_score_for_everybody(method):
    data = Digits(n=80).draw(0)
    _, found = answers(small(), data, Questions(effect=method, test=2, train=2))
    assert found["effect"].shape == (4, 80)
    own = [list(data.train.ids).index(ident) for ident in found["train_ids"]]
    assert all(found["effect"][2 + j, row] > 0 for j, row in enumerate(own))  # having it in raises its own margin


def test_half_of_the_training_examples_asked_about_have_redrawn_labels():
    data = Flipped(task=Digits(n=200), share=0.1).draw(0)
    rows = rows_asked(data, "train", 16, seed=0)
    assert data.truth.changed[rows].sum() == 8
    assert len(set(rows.tolist())) == 16
    few = Flipped(task=Digits(n=60), share=0.05).draw(0)
    rows = rows_asked(few, "train", 16, seed=0)
    assert len(rows) == 16
    assert few.truth.changed[rows].sum() == few.truth.changed.sum()


def test_who_is_asked_does_not_depend_on_the_order_of_the_examples():
    from dataclasses import replace

    data = Digits(n=100).draw(0)
    order = np.random.default_rng(1).permutation(len(data.views["test"]))
    moved = replace(data, views={**data.views, "test": data.views["test"].take(order)})
    one, other = (d.views["test"].ids[rows_asked(d, "test", 9, 3)] for d in (data, moved))
    np.testing.assert_array_equal(one, other)


def test_answers_are_kept_with_the_run():
    run, found = answers(small(), Digits(n=60).draw(0))
    again = Run.from_parts(run.document(), run.arrays())
    assert again.attribution.keys() == found.keys()
    for name, array in found.items():
        np.testing.assert_array_equal(again.attribution[name], array)
    assert again.about["attribution"]["steps"] == 4 * 4


def test_it_is_the_model_trained_on_everything():
    data = Digits(n=80).draw(0)
    members = balanced(80, 1, 1.0, 0)
    run, _ = answers(small(), data)
    plain = small().fit(data, members, Training((4,), way="each"))
    np.testing.assert_array_equal(run.views["test"].margin[-1], plain.views["test"].margin[-1])


def test_batch_statistics_are_refused():
    from torch import nn

    from byheart.learners.torch_module import FromFactory

    learner = FromFactory.of(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 10)))
    with pytest.raises(InputRefused, match="BatchNorm"):
        answers(learner, Digits(n=60).draw(0))


def test_curvature_knows_the_decay_of_the_training():
    from byheart.levers.penalties import WeightDecay

    data, asked = Digits(n=80).draw(0), Questions(effect="curvature", test=2, train=2)
    learner, members = small(optimizer="sgd", schedule="constant"), balanced(80, 1, 1.0, 0)
    plain = attributed(learner, data, members, asked).attribution["effect"]
    decayed = attributed(learner, data, members, asked, [WeightDecay(strength=0.3)]).attribution["effect"]
    assert np.abs(decayed).mean() < 0.7 * np.abs(plain).mean()  # a decay adds to every curvature


def test_tokens_that_are_not_counted_are_no_wrong_labels():
    """A passage whose last tokens are not counted is asked about as any other."""
    data = Text(n=40).draw(0)
    test = data.views["test"]
    y = test.y.copy()
    y[:, -3:] = -1
    data = replace(data, views={**data.views, "test": replace(test, y=y)})
    learner = Transformer(width=8, heads=2, layers=1, epochs=1)
    _, found = answers(learner, data, Questions(credit=False, effect="unrolled", test=3, train=0))
    assert np.isfinite(found["effect"]).all()
    assert (found["effect"] != 0).any()
