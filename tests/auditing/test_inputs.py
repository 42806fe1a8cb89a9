"""What cannot be measured truly is refused by name before anything is trained; what can be read is read."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import byheart as bh
from byheart.errors import InputRefused, UnknownName, UsageError

N = 70


def _x(n=N, d=3):
    return np.random.default_rng(7).normal(size=(n, d))


def _half(n=N):
    return np.arange(n) % 2


def _with(x, value, row=4, column=1):
    x = x.copy()
    x[row, column] = value
    return x


def _label(value, row=5):
    y = _half().astype(float)
    y[row] = value
    return y


REFUSED = {
    "an infinity": (_with(_x(), np.inf), _half(), ["infinite", "row 4, column 1"]),
    "no examples": (np.empty((0, 3)), np.empty(0), ["none"]),
    "no features": (np.empty((N, 0)), _half(), ["at least one feature"]),
    "flat features": (np.arange(float(N)), _half(), ["(70,)", "reshape(-1, 1)"]),
    "text features": (np.array([["a", "b"]] * N), _half(), ["text", "numbers in x"]),
    "object features": (_x().astype(object), _half(), ["objects", "astype(float)"]),
    "ragged features": ([[1.0], [1.0, 2.0]] * 35, _half(), ["ragged"]),
    "one class": (_x(), np.zeros(N, int), ["at least two classes", "got one, '0'"]),
    "a class with one example": (_x(), np.r_[np.zeros(N - 1, int), 1], ["1"]),
    "a NaN label": (_x(), _label(np.nan), ["missing", "row 5"]),
    "a label of -100": (_x(), np.r_[np.tile([0, 1], 33), [-100] * 4], ["-100"]),
    "two targets for a classifier": (_x(), np.random.default_rng(0).normal(size=(N, 2)), ["regressor"]),
    "targets of two axes": (_x(), np.random.default_rng(0).normal(size=(N, 2, 2)), ["(70, 2, 2)"]),
    "unequal lengths": (_x(), _half(60), ["70 and 60"]),
    "too few": (_x(12), _half(12), ["at least 20"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_data_are_refused_by_name(case, quick, refused):
    x, y, words = REFUSED[case]
    with pytest.raises(InputRefused) as caught:
        quick((x, y))
    refused(caught.value, *words)


@pytest.mark.parametrize("x_test, y_test, words", [
    (_x(9, 4), _half(9), ["(3,)", "(4,)"]),
    (_x(9), _half(8), ["x_test and y_test", "9 and 8"]),
    (_x(9), np.full(9, 7), ["7", "y_test"]),
    (_with(_x(9), np.inf), _half(9), ["x_test", "infinite"]),
])  # fmt: skip
def test_a_bad_test_is_refused_by_name(x_test, y_test, words, quick, refused):
    with pytest.raises(InputRefused) as caught:
        quick((_x(), _half()), test=(x_test, y_test))
    refused(caught.value, *words)


@pytest.mark.parametrize("data", [_x(), "x", (1, 2, 3), {"x": 1, "y": 2}, None])
def test_what_is_no_pair_is_refused(data, quick, refused):
    with pytest.raises(InputRefused, match="a pair") as caught:
        bh.audit(data, model=DecisionTreeClassifier(), members=8)
    refused(caught.value, "(x, y)")


def test_a_test_that_is_no_pair_is_refused(quick, refused):
    with pytest.raises(InputRefused, match="test as a pair") as caught:
        quick(test=_x())
    refused(caught.value)


def _gaps():
    return np.array([3, 7, 40])[np.arange(N) % 3]


LABELS = {
    "text": (np.array(["no", "yes"])[_half()], {"no", "yes"}),
    "bytes": (np.array([b"no", b"yes"])[_half()], {"no", "yes"}),
    "a list of words": (["no", "yes"] * 35, {"no", "yes"}),
    "booleans": (_half() == 1, None),
    "floats": (_half().astype(float), {"0", "1"}),
    "a column": (_half()[:, None], {"0", "1"}),
    "one-hot": (np.eye(2)[_half()], {"0", "1"}),
    "negative": (2 * _half() - 1, {"-1", "1"}),
    "with gaps": (_gaps(), {"3", "7", "40"}),
}


@pytest.mark.parametrize("case", LABELS)
def test_labels_are_read_as_people_keep_them(case, quick):
    y, names = LABELS[case]
    audit = quick((_x(), y))
    subject = audit.to_dict()["subject"]
    assert subject["kind"] == "classes"
    assert names is None or set(subject["classes"]) == names
    assert {one.label for one in audit.memorised(N)} == set(subject["classes"])


@pytest.mark.parametrize("model, words", [
    (None, ["NaN", "row 4, column 1", "impute"]),
    (LogisticRegression(), ["LogisticRegression, which does not take them", "1 NaN", "impute"]),
])  # fmt: skip
def test_missing_features_are_refused_by_our_learners_and_by_estimators_that_do_not_take_them(model, words, refused):
    for test in (None, (_with(_x(9), np.nan), _half(9))):
        with pytest.raises(InputRefused) as caught:
            bh.audit((_with(_x(), np.nan), _half()), test=test, model=model, members=8, device="cpu")
        refused(caught.value, *words)


@pytest.mark.parametrize("model, missing, received", [
    (DecisionTreeClassifier(), "refuse", "as given, float64 arrays of shape (n, 3)."),
    (DecisionTreeClassifier(), "impute", "as given, float64 arrays of shape (n, 3)."),
    (LogisticRegression(), "impute", "missing cells at the median"),
])  # fmt: skip
def test_missing_features_reach_estimators_that_take_them_and_are_filled_in_for_others_when_asked(
    model, missing, received, quick
):
    audit = quick((_with(_x(), np.nan), _half()), model=model, missing=missing)
    assert audit.findings["generalization/gap"].status == "measured"
    notes = audit.to_dict()["provenance"]["notes"]
    assert any(note.startswith("What the model received: x as given") and received in note for note in notes), notes


@pytest.mark.parametrize("options, words", [
    ({"members": 0}, ["at least one", "0", "--members"]),
    ({"share": 0.0}, ["between 0 and 1"]),
    ({"share": 1.0}, ["between 0 and 1"]),
    ({"share": float("nan")}, ["between 0 and 1", "nan"]),
    ({"jobs": 0}, ["at least one job"]),
    ({"device": "tpu"}, ["auto, cpu, cuda or mps", "'tpu'"]),
    ({"budget": "soon"}, ["60s, 5m or 1h", "'soon'"]),
    ({"flip": 1.5}, ["1.5"]),
    ({"levers": ["dropot=0.5"]}, ["Nearest: dropout"]),
    ({"levers": ["dropout"]}, ["dropout=VALUE"]),
    ({"settings": {"nope": 1}}, ["'nope'"]),
    ({"task": "both"}, ["'classes' or 'values'", "'both'"]),
    ({"missing": "drop"}, ["'refuse', 'impute' or 'keep'", "'drop'"]),
    ({"returns": "logits"}, ["fit"]),
])  # fmt: skip
def test_a_wrong_option_is_a_usage_error(options, words, quick, refused, tmp_path):
    with pytest.raises(UsageError) as caught:
        quick(**options, out=tmp_path / "out")
    refused(caught.value, *words)
    assert not (tmp_path / "out").exists()


def test_a_share_that_leaves_a_member_nothing_is_a_usage_error(quick, refused):
    with pytest.raises(UsageError) as caught:
        quick(share=0.001)
    refused(caught.value, "0.001 of 56 examples")


@pytest.mark.parametrize("settings, kind, words", [
    ({"epoch": 2}, UnknownName, ["Nearest: epochs"]),
    ({"epochs": "many"}, UsageError, ["epochs", "'many'"]),
    ({"batch": "many"}, UsageError, ["batch", "'many'"]),
])  # fmt: skip
def test_a_wrong_setting_of_the_default_learner_is_named(settings, kind, words, xy, refused):
    with pytest.raises(kind) as caught:
        bh.audit(xy, members=8, settings=settings)
    refused(caught.value, *words)


def test_a_model_that_does_not_suit_the_labels_is_refused(quick, refused):
    with pytest.raises(InputRefused) as caught:
        quick(model=DecisionTreeRegressor())
    refused(caught.value, "classifier", "DecisionTreeRegressor")
    with pytest.raises(InputRefused) as caught:
        quick((_x(), _x()[:, 0]))
    refused(caught.value, "regressor", "DecisionTreeClassifier")


def test_a_lever_that_does_not_apply_is_refused(quick, refused):
    with pytest.raises(UsageError) as caught:
        quick(levers=["dropout=0.5"])
    refused(caught.value, "dropout", "Leave it out")


@pytest.mark.parametrize("model, words", [
    (DecisionTreeClassifier, ["the class DecisionTreeClassifier", "instance"]),
    (3, ["a function that returns a torch module", "int"]),
    ("mlp", ["a function that returns a torch module", "str"]),
])  # fmt: skip
def test_what_is_no_model_is_refused(model, words, quick, refused):
    with pytest.raises((UsageError, InputRefused)) as caught:
        quick(model=model)
    refused(caught.value, *words)


def test_model_and_fit_together_are_refused(quick, refused):
    with pytest.raises(UsageError, match="model or fit") as caught:
        quick(model=DecisionTreeClassifier(), fit=lambda x, y, seed: None)
    refused(caught.value)


def test_what_is_no_function_is_no_fit(xy, refused):
    with pytest.raises(InputRefused, match="fit") as caught:
        bh.audit(xy, fit=3, members=8)
    refused(caught.value, "int")


def test_the_users_training_gets_the_users_bytes():
    """Its own scaling then runs once; the page says what came."""
    x, met = np.random.default_rng(0).integers(0, 256, (N, 6, 6), np.uint8), []

    def fit(x, y, seed):
        met.append(x)
        mean = [x[y == label].mean(0) / 255.0 for label in range(2)]
        return lambda new: -np.stack([((new / 255.0 - one) ** 2).sum((1, 2)) for one in mean], 1)

    audit = bh.audit((x, _half()), fit=fit, members=8, device="cpu")
    assert {one.dtype for one in met} == {np.dtype(np.uint8)}
    assert max(one.max() for one in met) == 255
    notes = audit.to_dict()["provenance"]["notes"]
    assert "What the model received: x as given, uint8 arrays of shape (n, 6, 6)." in notes
    own = bh.audit((x, _half()), members=8, device="cpu", settings={"epochs": 1, "hidden": [4]})
    assert "What the model received: x prepared by byheart: bytes divided by 255." in own.to_dict()["provenance"]["notes"]
