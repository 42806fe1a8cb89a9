"""`--learner MODULE:NAME`: code by its import path trains as the same code given in Python does."""

import json
import textwrap

import numpy as np
import pytest

SUBJECT = ["--members", "8", "--jobs", "1", "--device", "cpu"]
MODELS = """
    from sklearn.tree import DecisionTreeClassifier
    from torch import nn

    class Twig(DecisionTreeClassifier):
        pass

    ready = DecisionTreeClassifier(max_depth=2)
    number = 3

    def make_tree(depth=1):
        return DecisionTreeClassifier(max_depth=depth)

    def make_net(width=4):
        return nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 2))

    def fit(x, y, seed, depth=1):
        return DecisionTreeClassifier(max_depth=depth, random_state=seed).fit(x, y)

    def nothing():
        return None
"""


@pytest.fixture
def audited(byheart, tmp_path, monkeypatch):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(80, 2))
    np.savez(tmp_path / "data.npz", x=x, y=(x[:, 0] * x[:, 1] > 0).astype(int))
    (tmp_path / "my_models.py").write_text(textwrap.dedent(MODELS))
    monkeypatch.chdir(tmp_path)
    return lambda *words: byheart("audit", "data.npz", "--learner", *words, *SUBJECT)


def bits(said):
    assert said.code == 0, said.err
    quantities = json.loads(said.out)["findings"]["complexity/description-length"]["quantities"]
    return [quantities[name]["value"] for name in ("reference_bits", "understood_bits", "memorised_bits")]


@pytest.mark.parametrize(
    "words",
    [
        ["sklearn.tree:DecisionTreeClassifier", "--set", "max_depth=2"],
        ["my_models.py:Twig", "--set", "max_depth=2"],
        ["my_models:ready"],
        ["my_models.py:make_tree", "--set", "depth=2"],
    ],
)
def test_an_estimator_by_its_path_is_the_estimator_by_its_name(audited, words):
    named = bits(audited("DecisionTreeClassifier", "--set", "max_depth=2", "--json", "--out", "named"))
    assert bits(audited(*words, "--json", "--out", "by-path")) == named


def test_a_setting_of_a_training_reaches_it(audited):
    stump = bits(audited("my_models.py:fit", "--json", "--out", "a"))
    deep = bits(audited("my_models.py:fit", "--set", "depth=2", "--json", "--out", "b"))
    assert stump != deep


def test_a_factory_of_modules_takes_its_own_settings_and_those_of_our_loop(audited):
    said = audited("my_models:make_net", "--set", "width=8", "--set", "epochs=2", "--json")
    assert said.code == 0, said.err
    subject = json.loads(said.out)["subject"]
    assert (subject["epochs"], subject["parameters"]) == (2, 2 * 8 + 8 + 8 * 2 + 2)


@pytest.mark.parametrize(
    "words, code, told",
    [
        (["my_models.py:make_tre"], 2, "make_tree"),
        (["no_such_package:Model"], 2, "no_such_package"),
        (["my_models.py:make_tree", "--set", "dept=2"], 2, "depth"),
        (["my_models.py:make_net", "--set", "epoch=2"], 2, "epochs"),
        (["my_models.py:nothing"], 3, "NoneType"),
        (["my_models.py:number"], 3, "int"),
        (["my_model.py:make_tree"], 2, "my_models.py"),
        (["sklearn.tree:DecisionTreeClassifer"], 2, "DecisionTreeClassifier"),
        (["my_models.py:Twig", "--set", "max_dept=2"], 2, "max_dept"),
    ],
)
def test_a_wrong_path_or_setting_is_one_short_message(audited, words, code, told):
    said = audited(*words)
    assert said.code == code, said.err
    assert told in said.err
    assert "Traceback" not in said.err


def test_missing_cells_reach_a_package_that_takes_them(byheart, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(120, 2))
    y = (x[:, 0] > 0).astype(int)
    x[::7, 1] = np.nan
    np.savez("data.npz", x=x, y=y)
    words = ["lightgbm:LGBMClassifier", "--set", "n_estimators=5", "--set", "verbose=-1"]
    said = byheart("audit", "data.npz", "--learner", *words, *SUBJECT, "--json")
    assert said.code == 0, said.err
    assert "median" not in said.out
