"""A balance of an estimator, a fit of the user's and a network: what it finds, keeps, and refuses."""

import json
import tomllib

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import byheart as bh
from byheart.errors import InputRefused, StepFailed, UsageError
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped

SILENT = {"say": lambda line: None, "device": "cpu"}


def noisy_table(n=600, noise=0.25, seed=0):
    """Two classes by the sign of the first of four columns, a quarter of the labels wrong: a deep tree learns noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    y = (x[:, 0] > 0).astype(int)
    wrong = rng.random(n) < noise
    return x, np.where(wrong, 1 - y, y)


@pytest.fixture(scope="module")
def tree():
    return bh.balance(
        noisy_table(), model=DecisionTreeClassifier(), members=16,
        levers={"max_depth": [1, 4], "min_samples_leaf": [1, 20], "ccp_alpha": [0.0, 0.05]}, **SILENT,
    )  # fmt: skip


def test_it_finds_what_keeps_a_tree_from_learning_noise(tree):
    best = tree.best
    assert best.beats
    assert best.gain.interval[0] > 0
    assert best.setting["max_depth"] == 1 or best.setting["min_samples_leaf"] == 20 or best.setting["ccp_alpha"] > 0
    assert best.moved.value < -0.3  # the recipe memorises the noise
    assert best.moved.unit == "points"
    assert best.gain.unit == "bits"


def test_the_frontier_holds_every_setting_with_its_numbers(tree):
    assert len(tree.frontier) == 9
    recipe, *others = tree.frontier
    assert recipe.words == ()
    assert recipe.gain is None
    assert recipe.memorised.value > 0.5
    for one in others:
        assert one.members >= 8
        assert one.cost > 0
        assert one.memorised.interval
        assert one.held_out.interval
        assert one.gain.interval
    going = [one for one in others if one.members == 16]
    assert {one.title for one in others if one.title == tree.best.title} <= {one.title for one in going}
    assert tree.frontier[0].unbeaten is not True  # memorises most and is worse where left out
    assert any(one.unbeaten is not False for one in tree.frontier)


def test_the_probability_is_one(tree):
    assert 0 <= tree.probability_best <= 1


def test_a_fit_of_the_users_has_its_keywords_as_levers():
    def fit(x, y, seed, depth=None, leaf=1, part=1.0):
        return DecisionTreeRegressor(
            max_depth=depth, min_samples_leaf=leaf, max_features=part, random_state=seed
        ).fit(x, y)  # fmt: skip

    x, _ = noisy_table(400)
    y = x[:, 0] + np.random.default_rng(1).normal(size=400)
    found = bh.balance((x, y), fit=fit, members=16, levers=["depth=1,4", "leaf=10", "part=0.5,1"], **SILENT)
    assert found.best.beats
    assert found.best.gain.unit == "r2"
    assert found.best.held_out.unit == "r2"
    assert found.best.setting["leaf"] == 10


def test_a_network_with_three_levers():
    task = Flipped(task=Digits(n=500), share=0.3)
    found = bh.balance(
        task, members=8, settings={"epochs": 60, "hidden": 64, "lr": 0.01}, **SILENT,
        levers={"weight-decay": [1.0], "dropout": [0, 0.5], "early-stop": [8]},
    )  # fmt: skip
    assert [one.title for one in found.frontier] == [
        "the recipe", "weight-decay 1, dropout 0, early-stop 8", "weight-decay 1, dropout 0.5, early-stop 8",
    ]  # fmt: skip
    assert found.best.words
    assert found.best.moved.interval[1] < 0
    assert found.best.gain.value > 0


def test_nothing_beats_a_recipe_that_is_best():
    """A stump where the truth is a stump and all else learns noise."""
    found = bh.balance(
        noisy_table(noise=0.2), model=DecisionTreeClassifier(max_depth=1), members=8,
        levers={"max_depth": [6, 8, 12]}, **SILENT,
    )  # fmt: skip
    assert not found.best.beats
    assert not found.best.words
    assert "No lever tried beats the recipe" in str(found)


def test_it_goes_on_where_it_was_stopped(tmp_path):
    asked = {"model": DecisionTreeClassifier(), "members": 16, "levers": {"max_depth": [1, 2, 3]}, "out": tmp_path}
    trained = []

    def stopping(step, state):
        if step.kind == "train" and state == "done":
            trained.append(step.key)
            if len(trained) == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bh.balance(noisy_table(), **asked, say=SILENT["say"], progress=stopping)
    again = []
    whole = bh.balance(
        noisy_table(), **asked, say=SILENT["say"],
        progress=lambda step, state: again.append(step.key) if (step.kind, state) == ("train", "done") else None,
    )  # fmt: skip
    assert not set(trained) & set(again)
    twice = bh.balance(noisy_table(), **asked, say=SILENT["say"], progress=lambda step, state: None)
    assert twice.best == whole.best
    fresh = bh.balance(noisy_table(), **{**asked, "out": None}, **SILENT)
    assert fresh.best == whole.best


def test_a_setting_that_fails_is_a_gap_with_its_reason():
    def fit(x, y, seed, depth=3):
        if depth == 13:
            raise ValueError("thirteen is unlucky")
        return DecisionTreeClassifier(max_depth=depth, random_state=seed).fit(x, y)

    found = bh.balance(noisy_table(), fit=fit, members=8, levers={"depth": [1, 13]}, **SILENT)
    lost = next(one for one in found.frontier if one.setting.get("depth") == 13)
    assert "thirteen is unlucky" in lost.failure
    assert lost.memorised is None
    assert "thirteen is unlucky" in str(found)


def test_a_winner_that_fails_on_fresh_members_is_a_gap_and_the_next_is_read():
    """It was chosen on its first 8 members; the ninth, which is to be read, cannot be trained."""
    trained = []

    def fit(x, y, seed, depth=12):
        trained.append(depth)
        if depth == 1 and trained.count(1) > 8:
            raise ValueError("tired")
        return DecisionTreeClassifier(max_depth=depth, random_state=seed).fit(x, y)

    found = bh.balance(noisy_table(), fit=fit, members=8, levers={"depth": [1, 2]}, **SILENT)
    lost = next(one for one in found.frontier if one.setting.get("depth") == 1)
    assert "8 of 8 members failed" in lost.failure
    assert "tired" in lost.failure
    assert lost.gain is None
    assert found.best.setting == {"depth": 2}
    assert found.best.by_half == ("depth 2", "depth 2")
    assert found.best.beats


def test_where_all_fail_it_is_said():
    def fit(x, y, seed, depth=3):
        if depth != 3:
            raise ValueError("only three")
        return DecisionTreeClassifier(max_depth=depth, random_state=seed).fit(x, y)

    with pytest.raises(StepFailed, match="only three"):
        bh.balance(noisy_table(), fit=fit, members=8, levers={"depth": [1, 13]}, **SILENT)


def test_settings_that_train_the_same_models_are_told_once(tree):
    """A stump has no smaller leaf to forbid."""
    twins = [one for one in tree.frontier if one.same_as]
    assert {one.same_as for one in twins} <= {one.title for one in tree.frontier}
    assert "max_depth 1, min_samples_leaf 20, ccp_alpha 0" in {one.title for one in twins}
    assert all(one.members == 8 for one in twins)


def test_a_fit_without_settings_has_nothing_to_try():
    with pytest.raises(UsageError, match="settings to try"):
        bh.balance(noisy_table(), fit=lambda x, y, seed: DecisionTreeClassifier().fit(x, y), **SILENT)


def test_a_budget_too_small_is_said_before_anything_is_trained(tmp_path):
    started = []
    with pytest.raises(UsageError, match="--budget"):
        bh.balance(
            noisy_table(), model=DecisionTreeClassifier(), levers={"max_depth": [1, 2, 3]}, budget="1s", out=tmp_path,
            say=SILENT["say"], progress=lambda step, state: started.append(step.kind),
        )  # fmt: skip
    assert "train" not in started


def test_the_file_is_taken_by_an_audit_of_the_same_subject_alone(tree, tmp_path):
    path = tree.save(tmp_path / "balance.toml")
    read = tomllib.loads(path.read_text())
    assert read["levers"] == list(tree.best.words)
    audit = bh.audit(noisy_table(), model=DecisionTreeClassifier(), members=8, levers=[str(path)], **SILENT)
    assert audit.lever_effect.found("memorised_bits_share").difference.value < 0
    with pytest.raises(InputRefused, match="other data"):
        bh.audit(noisy_table(seed=1), model=DecisionTreeClassifier(), levers=[str(path)], **SILENT)
    with pytest.raises(InputRefused, match="another learner"):
        bh.audit(noisy_table(), model=DecisionTreeClassifier(max_depth=2), levers=[str(path)], **SILENT)
    subject = path.read_text().partition("[subject]")[2]
    for strange in ("levers = 3", f'levers = "max_depth=2"\n[subject]{subject}', f"levers = [2]\n[subject]{subject}"):
        (tmp_path / "other.toml").write_text(strange)
        with pytest.raises(InputRefused, match=r"balance\.toml of"):
            bh.audit(noisy_table(), model=DecisionTreeClassifier(), levers=[str(tmp_path / "other.toml")], **SILENT)


def test_the_command_prints_one_document(byheart, tmp_path):
    x, y = noisy_table(160)
    np.savez(tmp_path / "table.npz", x=x, y=y)
    said = byheart(
        "balance", "table.npz", "--learner", "DecisionTreeClassifier", "--try", "max_depth=1,3", "--members", "8",
        "--json", "--jobs", "1",
    )  # fmt: skip
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert {"frontier", "best", "provenance"} <= set(found)
    assert "byheart balance" in found["provenance"]["command"]
    assert "--try max_depth=1,3" in found["provenance"]["command"]
    assert (tmp_path / "byheart-audit" / "balance.html").exists()
    assert (tmp_path / "byheart-audit" / "balance.toml").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--try", "max_depth=3"], "at least two"),
        (["--try", "max_dept=3,4"], "max_depth"),
        (["--try", "max_depth=1,2", "--members", "4"], "at least 8 members"),
        (["--try", "max_depth=1,2", "--lever", "max_depth=3"], "fixed or tried"),
    ],
)
def test_wrong_words_are_refused_in_a_line(byheart, tmp_path, words, said):
    x, y = noisy_table(80)
    np.savez(tmp_path / "table.npz", x=x, y=y)
    found = byheart("balance", "table.npz", "--learner", "DecisionTreeClassifier", *words)
    assert found.code == 2
    assert said in found.err
    assert "Traceback" not in found.err
    assert not (tmp_path / "byheart-audit").exists()
