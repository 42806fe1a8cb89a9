"""Ways to forget, each by what it must do to the weights; nothing to forget moves nothing."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.mlp import Mlp
from byheart.levers.penalties import WeightDecay
from byheart.tasks.arrays import Arrays
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.training.keep import Weights
from byheart.training.members import subsets
from byheart.training.training import Training
from byheart.training.unlearning.ascent import Ascent
from byheart.training.unlearning.continued import Trained, continued, unmoved
from byheart.training.unlearning.fine_tuning import FineTuning
from byheart.training.unlearning.methods import METHODS, document_of, forgetting, method_of
from byheart.training.unlearning.newton import CutNewton, Newton, decay_of
from byheart.training.unlearning.pruning import Pruning

M = 3


def trained_on(data, learner, way="stacked"):
    training = Training((learner.epochs,), trail=False, keep=(Weights(),), way=way)
    return Trained(learner, data, learner.fit(data, subsets("all", len(data.train), M, 1.0, 0), training), training)


@pytest.fixture(scope="module")
def data():
    return Flipped(task=Digits(n=160), share=0.2).draw(0)


@pytest.fixture(scope="module")
def trained(data):
    return trained_on(data, Mlp(hidden=(32,), epochs=30))


@pytest.fixture(scope="module")
def rows(data):
    return np.flatnonzero(data.truth.changed)[:12]


def loss(run, rows):
    return run.views["train"].loss_nats[-1][:, rows].mean(1)


def test_where_nothing_is_to_be_forgotten_nothing_moves(trained):
    logits = trained.run.views["train"].logits
    for kind in METHODS.values():
        left = forgetting(kind(), trained, np.array([], int))
        assert (left.views["train"].logits == logits).all()
        assert (left.views["test"].logits == trained.run.views["test"].logits).all()


def test_a_method_is_made_again_from_its_document():
    for one in (FineTuning(part=0.3), Ascent(until=2.5), Pruning(share=0.4), Newton(damping=0.1), CutNewton(until=2.0)):
        assert method_of(document_of(one)) == one


def test_fine_tuning_forgets_some_and_keeps_the_rest(trained, rows):
    left = FineTuning().forget(trained, rows)
    assert (loss(left, rows) > loss(trained.run, rows) + 0.1).all()
    others = trained.others(rows)
    assert (loss(left, others) <= loss(trained.run, others) + 0.01).all()


def test_more_fine_tuning_forgets_more(trained, rows):
    doses = [loss(FineTuning(part=part).forget(trained, rows), rows).mean() for part in (0.1, 0.5, 2.0)]
    assert doses == sorted(doses)
    assert doses[-1] > doses[0] + 0.5


def test_both_forms_of_decay_draw_newtons_weights_alike(trained):
    both = [WeightDecay(strength=0.3, form=form) for form in ("decoupled", "l2")]
    drawn = [replace(trained, training=replace(trained.training, levers=(lever,))) for lever in both]
    adamw = replace(drawn[0], learner=trained.learner.model_copy(update={"optimizer": "adamw"}))
    assert [decay_of(one) for one in (trained, *drawn, adamw)] == [0.0, 0.3, 0.3, 0.31]


def test_a_member_alone_is_as_in_a_fleet(trained, rows, data):
    alone = trained_on(data, trained.learner, "each")
    alone = replace(alone, run=replace(trained.run))
    for one in (FineTuning(), Pruning(), Ascent(until=3.0)):
        fleet, each = one.forget(trained, rows), one.forget(alone, rows)
        assert np.abs(fleet.views["test"].logits - each.views["test"].logits).max() < 1e-2


def test_pruned_weights_are_the_smallest_and_stay_away(trained, rows):
    left = Pruning(share=0.5).forget(trained, rows)
    before, after = (
        np.concatenate([of[name].reshape(M, -1) for name in sorted(of) if of[name].ndim > 2], 1)
        for of in (trained.weights(), replace(trained, run=left).weights())
    )
    away = after == 0
    assert (away.sum(1) == round(0.5 * after.shape[1])).all()
    assert (np.where(away, 0, np.abs(before)).max(1) > np.where(away, np.abs(before), 0).max(1)).all()
    assert (np.where(away, np.inf, np.abs(before)).min(1) >= np.where(away, np.abs(before), 0).max(1)).all()


@pytest.mark.parametrize("more", [0.5, 4.0])
def test_ascent_stops_where_it_was_told(trained, rows, more):
    before = loss(trained.run, rows)
    until = float(before.max()) + more
    left = Ascent(until=until).forget(trained, rows)
    assert (np.abs(loss(left, rows) - until) < 0.05 * (until - before) + 0.05).all()


def test_ascent_stays_where_the_loss_is_there_already(trained, rows):
    left = Ascent(until=float(loss(trained.run, rows).min()) / 2).forget(trained, rows)
    assert (left.views["test"].logits == trained.run.views["test"].logits).all()


def test_newton_raises_the_loss_of_what_goes_more_than_of_what_stays(trained, rows):
    left = Newton(damping=0.1).forget(trained, rows)
    gone, stay = (loss(left, one) - loss(trained.run, one) for one in (rows, trained.others(rows)))
    assert (gone > 5 * np.abs(stay)).all()


def test_a_cut_newton_step_stops_where_it_was_told_or_is_the_whole_step(trained, rows):
    whole = Newton(damping=0.03).forget(trained, rows)
    until = float((loss(trained.run, rows).max() + loss(whole, rows).min()) / 2)
    left = CutNewton(damping=0.03, until=until).forget(trained, rows)
    assert np.abs(loss(left, rows) - until).max() < 0.01
    far = CutNewton(damping=0.03, until=1e6).forget(trained, rows)
    assert (far.views["test"].logits == whole.views["test"].logits).all()


def test_values_by_every_method():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    data = Arrays.of(x, x[:, 0] + 3.0 * (np.arange(80) < 10) + 50).draw(0)
    trained, gone = trained_on(data, Mlp(hidden=(64,), epochs=60)), np.arange(10)
    for one in (FineTuning(), Ascent(until=8.0), Pruning(share=0.3), Newton(damping=0.3), CutNewton(until=8.0)):
        left = one.forget(trained, gone)
        assert (loss(left, gone) > loss(trained.run, gone)).all(), one
    assert np.abs(loss(Ascent(until=8.0).forget(trained, gone), gone) - 8.0).max() < 0.5


def test_what_moves_nothing_leaves_the_run_bit_for_bit(trained):
    left = unmoved(trained, trained.weights())
    for view in ("train", "test"):
        assert (left.views[view].logits == trained.run.views[view].logits).all()
    on = continued(trained, np.arange(20), trained.weights())
    assert not (on.views["test"].logits == trained.run.views["test"].logits).all()
