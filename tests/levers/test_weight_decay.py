"""Weight decay: two forms, which torch tells apart by AdamW and Adam's own penalty."""

from __future__ import annotations

import pytest
import torch

from byheart.errors import UsageError
from byheart.fingerprint.description import described, material, revive
from byheart.learners.mlp import Mlp
from byheart.levers.penalties import WeightDecay
from byheart.study import parse
from byheart.tasks.digits import Digits
from byheart.training.members import balanced
from byheart.training.record_member import recorded
from byheart.training.stepper import Stepper

DATA = Digits(n=60).draw(0)
MEMBERS = balanced(60, 2, 0.7, seed=1)


def weights(lever, optimizer):
    learner = Mlp(hidden=(4,), epochs=2, batch=16, lr=0.05, optimizer=optimizer, schedule="constant")
    course = Stepper(learner, DATA, MEMBERS, [lever], "stacked", "cpu")
    course.epoch()
    return torch.cat([w.flatten() for w in course.weights.values()])


def by_torch(form):
    """The same epoch by torch's own optimisers, member 0."""
    course = Stepper(Mlp(hidden=(4,), epochs=2, batch=16), DATA, MEMBERS.take(0, 1), [], "stacked", "cpu")
    module = course.module(0)
    make = torch.optim.Adam if form == "l2" else torch.optim.AdamW
    optimiser = make(module.parameters(), lr=0.05, weight_decay=0.3)
    for rows, _ in course.batches():
        x, y = torch.from_numpy(DATA.train.x[rows[0]]), torch.from_numpy(DATA.train.y[rows[0]])
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(x), y).backward()
        optimiser.step()
    return module.state_dict()


@pytest.mark.parametrize("form", ["decoupled", "l2"])
def test_it_is_that_of_torch(form):
    learner = Mlp(hidden=(4,), epochs=2, batch=16, lr=0.05, schedule="constant")
    course = Stepper(learner, DATA, MEMBERS, [WeightDecay(strength=0.3, form=form)], "stacked", "cpu")
    course.epoch()
    for name, value in by_torch(form).items():
        torch.testing.assert_close(course.weights[name][0], value, rtol=1e-3, atol=1e-4)


def test_the_forms_are_one_step_under_sgd_and_two_under_adam():
    decoupled, penalty = (WeightDecay(strength=0.5, form=form) for form in ("decoupled", "l2"))
    torch.testing.assert_close(weights(decoupled, "sgd"), weights(penalty, "sgd"), rtol=1e-4, atol=1e-6)
    assert float((weights(decoupled, "adam") - weights(penalty, "adam")).abs().max()) > 0.05


def test_the_form_is_told_and_enters_the_key_where_it_is_the_other_one():
    (plain,), (penalty,) = (parse.levers([word]) for word in ("weight-decay=0.1", "weight-decay=0.1:form=l2"))
    assert (plain.told, penalty.told) == ("0.1 (decoupled)", "0.1 (L2)")
    assert material(described(plain)) == {"kind": "lever", "name": "weight-decay", "version": 1, "strength": 0.1}
    assert [revive(described(one)) for one in (plain, penalty)] == [plain, penalty]
    with pytest.raises(UsageError, match="form"):
        parse.levers(["weight-decay=0.1:form=l1"])


def test_a_recording_follows_the_decoupled_one():
    assert WeightDecay(strength=1).recordable
    assert not WeightDecay(strength=1, form="l2").recordable
    one = balanced(60, 1, 0.7, seed=1)
    learner = Mlp(hidden=(4,), epochs=1, batch=16)
    assert len(recorded(learner, DATA, one, levers=[WeightDecay(strength=1)])[1]) == 3
