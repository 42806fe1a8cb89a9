"""Settings by path reach the task, learner or lever that they name, and nothing else."""

import pytest

from byheart.errors import UnknownName, UsageError
from byheart.learners.estimator import Estimator
from byheart.learners.mlp import Mlp
from byheart.learners.transformer import Transformer
from byheart.levers.penalties import Dropout, WeightDecay
from byheart.study.settings import with_settings
from byheart.tasks.digits import Digits
from byheart.tasks.in_phases import InPhases
from byheart.tasks.label_noise import Flipped


def test_each_path_changes_its_part_alone():
    task, learner, levers = Flipped(task=Digits(), share=0.1), Mlp(), (Dropout(share=0.5), WeightDecay(strength=0.1))
    made = with_settings(task, learner, levers, {"task.n": 500, "learner.hidden": 8, "lever.weight-decay.strength": 1})
    assert made.task == Flipped(task=Digits(n=500), share=0.1)
    assert made.learner == Mlp(hidden=(8,))
    assert made.levers == (Dropout(share=0.5), WeightDecay(strength=1))


def test_the_outermost_task_that_has_the_field_is_changed():
    made = with_settings(Flipped(task=Flipped(task="digits", share=0.1), share=0.2), Mlp(), (), {"task.share": 0.3})
    assert (made.task.share, made.task.task.share) == (0.3, 0.1)


def test_no_settings_change_nothing():
    given = Digits(), Mlp(), (Dropout(share=0.5),)
    assert tuple(with_settings(*given, {})) == given


@pytest.mark.parametrize("path, nearest", [
    ("learner.hiden", "hidden"), ("lerner.hidden", "learner"), ("task.m", "n"), ("lever.weight-decy.strength", "weight-decay"),
    ("lever.weight-decay.strenght", "strength"),
])  # fmt: skip
def test_a_wrong_word_names_the_nearest(path, nearest):
    with pytest.raises(UnknownName, match=nearest):
        with_settings(Digits(), Mlp(), (), {path: 1})


@pytest.mark.parametrize("path", ["learner", "lever.dropout", "task.n.deeper.still"])
def test_a_path_of_other_length_is_refused(path):
    with pytest.raises(UsageError, match=r"lever\.NAME\.FIELD"):
        with_settings(Digits(), Mlp(), (), {path: 1})


def test_a_parameter_of_an_estimator_is_a_setting_of_it():
    tree = Estimator(cls="DecisionTreeClassifier", params={"max_depth": 3, "min_samples_leaf": 2})
    made = with_settings(Digits(), tree, (), {"learner.max_depth": 5})
    assert made.learner.params == {**tree.params, "max_depth": 5}


def test_settings_of_one_part_are_set_at_once_in_any_order():
    """A lever has no usual strength, and heads must divide a width: neither may stand alone for a moment."""
    made = with_settings(Digits(), Transformer(width=8, heads=2), (), {
        "lever.ewc.fisher": "exact", "lever.ewc.strength": 10, "learner.heads": 3, "learner.width": 12,
    })  # fmt: skip
    assert (made.levers[0].strength, made.levers[0].fisher) == (10, "exact")
    assert (made.learner.width, made.learner.heads) == (12, 3)


def test_a_task_around_others_is_changed_where_it_stands_or_put_around_them():
    bare = with_settings(Digits(), Mlp(), (), {"task.flipped.share": 0.3}).task
    assert (bare.name, bare.share, bare.task) == ("flipped", 0.3, Digits())
    inner = InPhases(task=Flipped(task=Digits(), share=0.1, control=True))
    changed = with_settings(inner, Mlp(), (), {"task.flipped.share": 0.3}).task
    assert changed == InPhases(task=Flipped(task=Digits(), share=0.3, control=True))


def test_a_task_that_stands_around_none_is_refused_with_those_that_do():
    with pytest.raises(UsageError, match="flipped"):
        with_settings(Digits(), Mlp(), (), {"task.digits.n": 3})
