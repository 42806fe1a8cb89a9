"""What verdicts say of models that are really trained: overfit, overconfident, beaten by a simpler one, on coarse tables."""

import numpy as np
import pytest

from byheart.learners.estimator import Estimator
from byheart.learners.mlp import Mlp
from byheart.probes.complexity.description_length import Bits
from byheart.probes.generalization.gap import Gap
from byheart.probes.memory.duplicates import Duplicates
from byheart.probes.memory.forgetting import Forgetting
from byheart.probes.memory.label_noise import Quadrant
from byheart.tasks.arrays import Arrays
from byheart.tasks.in_phases import InPhases
from byheart.testing.worlds import Draw
from byheart.verdicts.rules import LabelsToCheck
from byheart.verdicts.training import Overconfident, Overfitting, Underfitting


def measured(task, learner, *probes, members=16):
    draw = Draw(task, learner, {}, members=members)
    return {probe.name: draw.measure(probe) for probe in probes}


def half_spaces(n, d, seed, noise=0.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    wrong = rng.random(n) < noise
    return Arrays.of(x, ((x @ rng.normal(size=d) > 0) ^ wrong).astype(int), task="classes")


def test_an_accuracy_that_falls_is_overfitting():
    """15 % of labels are wrong; long after the boundary is found the network fits these too."""
    found = measured(half_spaces(600, 10, 0, noise=0.15), Mlp(hidden=(128,), epochs=40, lr=0.01), Bits(), Gap())
    overfitting, sharp = Overfitting().judge(found), Overconfident().judge(found)
    assert overfitting.outcome == "tip"
    assert "held-out accuracy falls by" in overfitting.sentence
    assert sharp.outcome == "tip"
    assert "no decision suffers" not in sharp.sentence


def test_a_loss_that_rises_alone_is_overconfidence():
    """No noise: accuracy stays when the training data are fitted, and the network becomes ever surer."""
    found = measured(half_spaces(400, 50, 0), Mlp(hidden=(16,), epochs=40, lr=0.01), Bits(), Gap())
    assert found["generalization/gap"].quantities["held_out_loss_rise"].interval[0] > 0
    overfitting, sharp = Overfitting().judge(found), Overconfident().judge(found)
    assert overfitting.outcome == "passed"
    assert sharp.outcome == "tip"
    assert sharp.sentence.endswith("no decision suffers.")


@pytest.mark.parametrize("learner", [
    Estimator(cls="RandomForestRegressor", params={"n_estimators": 20}),
    Estimator(cls="GradientBoostingRegressor", params={"n_estimators": 60, "max_depth": 4}),
])  # fmt: skip
def test_ridge_regression_is_named_where_it_is_better(learner):
    from sklearn.datasets import load_diabetes

    found = Underfitting().judge(measured(Arrays.of(*load_diabetes(return_X_y=True)), learner, Gap()))
    assert found.outcome == "tip"
    assert found.title == "A simpler model does better: ridge regression"
    assert "better by 0." in found.sentence


def test_equal_rows_of_a_coarse_table_accuse_no_label():
    """Five columns of four values: 600 rows meet by chance, and their labels are drawn one by one."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 4, (600, 5)).astype(float)
    task = Arrays.of(x, (rng.random(600) < 0.3 + 0.1 * x[:, 0]).astype(int), task="classes")
    found = measured(task, Estimator(cls="DecisionTreeClassifier"), Duplicates(), Quadrant())
    assert found["memory/duplicates"].quantities["contradicting"].value > 20
    assert LabelsToCheck().judge(found).outcome != "issue"


@pytest.mark.parametrize("contradicts, outcome", [(False, "passed"), (True, "issue")])
def test_copies_that_contradict_are_an_issue_and_those_that_agree_are_not(contradicts, outcome):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 5))
    y = (x @ rng.normal(size=5) > 0).astype(int)
    x, y = np.concatenate([x, x[:20]]), np.concatenate([y, 1 - y[:20] if contradicts else y[:20]])
    found = measured(Arrays.of(x, y, task="classes"), Estimator(cls="DecisionTreeClassifier"), Duplicates(), Quadrant())
    judged = LabelsToCheck().judge(found)
    assert judged.outcome == outcome
    if contradicts:
        pairs = found["memory/duplicates"].quantities["contradicting"].value
        assert f"{pairs:.0f} pairs of copies carry different labels" in judged.sentence


def test_what_was_forgotten_is_neither_underfitting_nor_overfitting():
    found = measured(InPhases(task="digits"), Mlp(hidden=(32,), epochs=10), Bits(), Gap(), Forgetting(), members=8)
    assert found["memory/forgetting"].quantities["forgetting"].interval[0] > 0.5
    overfitting, underfitting = Overfitting().judge(found), Underfitting().judge(found)
    assert overfitting.outcome in {"not applicable", "passed"}
    assert underfitting.title == "Forgotten: worse than 1-nearest neighbour trained on all phases at once"
    assert "--lever replay" in underfitting.sentence
    del found["memory/forgetting"]  # what would be said without it
    assert Underfitting().judge(found).title.startswith("Underfitting")
