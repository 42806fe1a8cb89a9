"""The grid: which settings the words of --try are, and what they leave as it is."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from byheart.auditing.turned import dials, path_of
from byheart.balancing.grid import Setting, grid_of, set_to, spread
from byheart.balancing.usual_ranges import MOST, usual_ranges
from byheart.errors import InputRefused, UnknownName, UsageError
from byheart.learners.estimator import Estimator
from byheart.learners.mlp import Mlp
from byheart.learners.userfit import UserFit
from byheart.levers.penalties import Dropout
from byheart.probes.base import Subject
from byheart.tasks.digits import Digits


def of(learner, **more):
    return Subject(Digits(), learner, **more)


TREE = of(Estimator.of(DecisionTreeClassifier(max_depth=4)))
NETWORK = of(Mlp(epochs=10))


def fit(x, y, seed, depth=5, rate=0.1, name="tree", other=None):
    return DecisionTreeClassifier(max_depth=depth, random_state=seed).fit(x, y)


def test_every_combination_and_the_recipe_once():
    made = grid_of(["weight-decay=0,0.1", "dropout=0,0.5"], NETWORK)
    assert [one.title for one in made] == [
        "the recipe", "weight-decay 0, dropout 0.5", "weight-decay 0.1, dropout 0", "weight-decay 0.1, dropout 0.5",
    ]  # fmt: skip


def test_a_setting_at_the_recipes_own_value_is_the_recipe():
    assert [one.title for one in grid_of(["max_depth=2,4,6"], TREE)] == ["the recipe", "max_depth 2", "max_depth 6"]
    same = set_to(TREE, Setting((("max_depth", 4),)))
    assert same.learner.key() == TREE.learner.key()
    assert not same.turned


def test_a_stop_after_the_end_is_the_recipe():
    titles = [one.title for one in grid_of(["early-stop=3,6,10,12"], NETWORK) if one.words]
    assert titles == ["early-stop 3", "early-stop 6"]


@pytest.mark.parametrize(
    ("subject", "name", "value", "own"),
    [
        (TREE, "min_samples_leaf", 7, 1),
        (of(UserFit.of(fit)), "depth", 2, 5),
        (NETWORK, "epochs", 3, 10),
        (of(Estimator.of(make_pipeline(StandardScaler(), LogisticRegression()))), "C", 0.5, 1.0),
    ],
)
def test_every_learner_has_its_settings_as_levers(subject, name, value, own):
    known = dials(subject.learner)
    assert known[path_of(name, subject.learner)] == own
    made = set_to(subject, Setting(((name, value),)))
    assert dials(made.learner)[path_of(name, made.learner)] == value
    assert made.plain is subject.learner
    assert made.learner.key() != subject.learner.key()


def test_settings_of_code_without_a_digest_are_told_apart():
    """Two that had one key would be trained once, and nothing would differ."""
    state = object()

    def unkeyed(x, y, seed, depth=5):
        return state, depth

    function = UserFit.of(unkeyed)
    tree = Estimator.of(make_pipeline(FunctionTransformer(lambda x: x), DecisionTreeClassifier(max_depth=4)))
    for learner, name in ((function, "depth"), (tree, "max_depth")):
        subject = of(learner)
        made = [set_to(subject, Setting(((name, value),))).learner for value in (2, 3)]
        assert not any(one.keyed for one in made)
        assert len({one.key() for one in (learner, *made)}) == 3
        assert dials(made[0])[path_of(name, made[0])] == 2
        assert len(grid_of({name: [2, 3]}, subject)) == 3


def test_numbers_alone_are_settings():
    known = dials(UserFit.of(fit))
    assert set(known) == {"depth", "rate", "other"}  # not the word, not x, y, seed
    assert not {"random_state", "n_jobs", "criterion", "verbose"} & set(dials(TREE.learner))


@pytest.mark.parametrize(
    ("tries", "words"),
    [
        (["max_depth=3"], "at least two"),
        (["max_depth=4,4"], "at least two"),
        (["max_depth=2,3", "max_depth=5"], "twice"),
        (["max_depth"], "LOW..HIGH"),
        (["max_depth=a..b:3"], "LOW..HIGH"),
        (["max_depth=3..1:2"], "LOW..HIGH"),
        (["max_depth=deep,flat"], "LOW..HIGH"),
        (["max_depth=nan,2,3"], "LOW..HIGH"),
        (["max_depth=2,inf,3"], "LOW..HIGH"),
        (["max_depth=true,2,3"], "LOW..HIGH"),
        (["max_depth=4"], "recipe's own"),
        (["max_depth=4,5"], "audit --lever max_depth=5"),
        ({"max_depth": [float("nan"), 2, 3]}, "finite numbers"),
        ({"max_depth": [True, 2, 3]}, "finite numbers"),
        (["max_depth=1..1000:400", "min_samples_leaf=1..100:20"], "at most"),
    ],
)
def test_a_grid_that_is_none_is_refused(tries, words):
    with pytest.raises(UsageError, match=words):
        grid_of(tries, TREE)


def test_a_wrong_name_says_the_nearest():
    with pytest.raises(UnknownName, match="max_depth"):
        grid_of(["max_dept=1,2"], TREE)
    with pytest.raises(UnknownName, match="weight-decay"):
        grid_of(["weight-decya=1,2"], NETWORK)


def test_a_wrong_name_of_a_learner_without_training_steps_names_no_lever():
    with pytest.raises(UnknownName) as refused:
        grid_of(["dpth=1,2"], of(UserFit.of(fit)))
    assert "depth" in str(refused.value)
    assert "dropout" not in str(refused.value)


def test_a_function_without_settings_is_told_how_to_have_one():
    with pytest.raises(UsageError, match="a keyword with a number") as refused:
        grid_of((), of(UserFit.of(lambda x, y, seed: DecisionTreeClassifier().fit(x, y))))
    assert "weight-decay" not in str(refused.value)


def test_fixed_and_tried_contradict_each_other():
    with pytest.raises(UsageError, match="fixed or tried"):
        grid_of(["dropout=0,0.1,0.5"], of(Mlp(), levers=(Dropout(share=0.2),)))


def test_a_lever_of_training_needs_training():
    with pytest.raises(InputRefused, match=r"weight-decay.*DecisionTreeClassifier"):
        grid_of({"weight-decay": [0.1, 1]}, TREE)


def test_python_takes_lists():
    assert len(grid_of({"max_depth": [1, 2], "min_samples_leaf": (1, 5)}, TREE)) == 5
    with pytest.raises(UsageError, match="numbers"):
        grid_of({"max_depth": ["deep", 1]}, TREE)


def test_places_are_by_equal_factors_over_a_decade_and_even_below():
    assert spread("0.001..10:5", "C") == [0.001, 0.01, 0.1, 1.0, 10.0]
    assert spread("0.1..0.5:3", "dropout") == [0.1, 0.3, 0.5]
    assert spread("1..3:9", "max_depth") == [1, 2, 3]


@pytest.mark.parametrize("subject", [TREE, NETWORK, of(UserFit.of(fit))])
def test_without_words_each_lever_is_tried_alone(subject):
    ranges = usual_ranges(subject)
    assert len(ranges) >= 2
    assert sum(map(len, ranges.values())) <= MOST
    made = grid_of((), subject)
    assert not made[0].words
    assert all(len(one.words) == 1 for one in made[1:])


def test_what_is_fixed_is_not_tried():
    assert "dropout" in usual_ranges(NETWORK)
    assert "dropout" not in usual_ranges(of(Mlp(), levers=(Dropout(share=0.2),)))
