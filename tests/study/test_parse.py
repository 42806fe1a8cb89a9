"""Words become specs; a wrong word names the nearest right one."""

import pytest

from byheart import registry
from byheart.errors import InputRefused, UnknownName, UsageError
from byheart.learners.mlp import Mlp
from byheart.levers.penalties import Dropout, WeightDecay
from byheart.records.claim import ClaimSubject, probe_of
from byheart.study import parse


def test_pairs_are_read_as_json_where_they_can_be():
    words = ["epochs=3", "lr=1e-3", "hidden=8,4", "activation=tanh", "on=true", "none=null", "max-depth=2"]
    assert parse.pairs(words, "--set") == {
        "epochs": 3, "lr": 0.001, "hidden": [8, 4], "activation": "tanh", "on": True, "none": None, "max_depth": 2,
    }  # fmt: skip
    assert parse.pairs(["text=a=b"], "--set") == {"text": "a=b"}


@pytest.mark.parametrize("word", ["epochs", "=3", ""])
def test_a_pair_without_name_or_sign_is_refused(word):
    with pytest.raises(UsageError, match="expected NAME=VALUE after --set"):
        parse.pairs([word], "--set")


@pytest.mark.parametrize("width", [8, [8], (8,)])
def test_a_lone_value_fits_a_setting_that_holds_several(width):
    assert parse.spec("learner", "mlp", {"hidden": width}) == Mlp(hidden=(8,))


def test_changing_a_setting_leaves_the_others():
    assert parse.changed(Mlp(hidden=(4,), epochs=3), {"epochs": 5}) == Mlp(hidden=(4,), epochs=5)
    with pytest.raises(UnknownName, match="Nearest: epochs"):
        parse.changed(Mlp(), {"epoch": 5})


def test_levers_are_read_and_their_nearest_named():
    assert parse.levers(["dropout=0.5", "weight-decay=1e-3"]) == (Dropout(share=0.5), WeightDecay(strength=0.001))
    with pytest.raises(UnknownName, match=r"'dropot'. Nearest: dropout"):
        parse.levers(["dropot=0.5"])
    with pytest.raises(UsageError, match="dropout=VALUE"):
        parse.levers(["dropout"])
    with pytest.raises(UsageError, match="less than 1, got 2"):
        parse.levers(["dropout=2"])
    with pytest.raises(UsageError, match="the lever dropout once"):
        parse.levers(["dropout=0.2", "weight-decay=1", "dropout=0.3"])


@pytest.mark.parametrize("text, seconds", [("90", 90), ("60s", 60), ("1.5m", 90), ("2H", 7200)])
def test_durations(text, seconds):
    assert parse.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "abc", "s", "-5s", "0", "nan", "inf", "5d"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UsageError, match="60s, 5m or 1h"):
        parse.seconds(text)


@pytest.mark.parametrize("kind, word, near", [
    ("task", "digts", "digits"), ("learner", "mpl", "mlp"), ("lever", "early-stopp", "early-stop"),
    ("probe", "memory/pair", "memory/influence"),
])  # fmt: skip
def test_a_wrong_name_is_answered_with_the_nearest(kind, word, near):
    with pytest.raises(UnknownName, match=f"name of a {kind}.*Nearest: .*{near}"):
        parse.spec(kind, word, {})


def test_learners_are_ours_or_of_scikit_learn():
    assert parse.estimator("mlp", {"epochs": 2}) == Mlp(epochs=2)
    tree = parse.estimator("DecisionTreeClassifier", {"max_depth": 2})
    assert tree.title(None) == "DecisionTreeClassifier"
    with pytest.raises(UnknownName, match="Nearest: DecisionTreeClassifier"):
        parse.estimator("DecisionTreeClasifier", {})
    with pytest.raises(UnknownName, match="Nearest: mlp"):
        parse.estimator("mpl", {})


@pytest.mark.parametrize("word", ["module", "user-fit", "estimator"])
def test_a_learner_that_needs_the_users_code_is_no_name_alone(word):
    with pytest.raises(UsageError, match="needs nothing more"):
        parse.estimator(word, {})


@pytest.mark.parametrize("word", ["arrays", "table", "flipped"])
def test_a_task_that_needs_the_users_data_is_no_name_alone(word):
    with pytest.raises(UsageError, match="needs nothing more"):
        parse.task_from(word, {})


def test_a_missing_file_names_the_nearest_beside_it_and_no_more(tmp_path):
    for i in range(50):
        (tmp_path / f"other{i}.bin").touch()
    (tmp_path / "data.csv").touch()
    with pytest.raises(UnknownName, match=r"Nearest in .*: data.csv") as caught:
        parse.task_from(str(tmp_path / "dta.csv"), {})
    assert "other17" not in str(caught.value)
    with pytest.raises(UnknownName, match="Nothing like it"):
        parse.must_exist(tmp_path / "nowhere" / "x.csv")


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "data.xlsx").touch()
    with pytest.raises(InputRefused, match=r"expected a .csv, .parquet, .npz or .py file"):
        parse.task_from(str(tmp_path / "data.xlsx"), {})


def test_an_old_name_of_a_probe_still_works_and_says_the_new_one_once(capsys):
    registry._say.cache_clear()
    for _ in range(2):
        assert list(parse.probes(["memory/pairs"])) == ["memory/influence"]
    assert registry.find("probe", "complexity/bits").name == "complexity/description-length"
    assert capsys.readouterr().err == (
        "byheart: the probe memory/pairs is called memory/influence now.\n"
        "byheart: the probe complexity/bits is called complexity/description-length now.\n"
    )
    with pytest.raises(UnknownName):
        parse.probes(["memory/pears"])


@pytest.mark.parametrize("old, new", registry.RENAMED["probe"].items())
def test_old_names_are_not_listed_and_mean_what_is(old, new):
    assert old not in registry.names("probe")
    assert registry.find("probe", old) is registry.find("probe", new)
    taken_over = old == "generalization/width"  # its question is one of those of the other, which draws nothing of it
    assert registry.find("probe", new).drawn_as == ("" if taken_over else old)  # the same random draws as before


def test_claims_may_use_the_old_names():
    subject = ClaimSubject(task="digits", probes=("complexity/bits", "memory/order"))
    assert subject.asked() == ("complexity/description-length", "memory/learning-order")
    assert probe_of("complexity/bits/memorised_bits") == "complexity/description-length"
