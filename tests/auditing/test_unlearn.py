"""These rows must go: what is judged, against truths that are known, and what is refused."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import byheart as bh
from byheart.errors import InputRefused, UsageError
from byheart.records.quantity import Quantity
from byheart.registry import find
from byheart.report.unlearning import render_unlearning
from byheart.report.unlearning_text import CALLED, lines
from byheart.study.explanation.retraining_check import bank_keys
from byheart.study.steps import load_data, load_run
from byheart.study.unlearning.approximations import NAMES
from byheart.study.unlearning.forgotten import forgotten_of
from byheart.study.unlearning.readings import judged
from byheart.training.unlearning.continued import unmoved

GONE = list(range(12))


def noisy(n=120, copies=0):
    """Two classes by the first column; the first twelve labels are wrong; the last rows are copies of the first."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, 4))
    y = (x[:, 0] > 0).astype(int)
    y[:12] = 1 - y[:12]
    if copies:
        x[-copies:], y[-copies:] = x[:copies], y[:copies]
    return x, y


def audited(data, model, **more):
    return bh.audit(data, model=model, **{"members": 8, "device": "cpu", "say": lambda line: None} | more)


@pytest.fixture(scope="module")
def tree():
    return audited(noisy(), DecisionTreeClassifier(splitter="random"), test=noisy(80))


@pytest.fixture(scope="module")
def found(tree):
    return bh.unlearn(tree, GONE, models=6)


def test_untouched_models_are_told_apart_and_exact_retraining_is_not(found):
    untouched, exact = found.method("untouched"), found.method("exact")
    assert untouched.judged == "told apart"
    assert untouched.membership.interval[0] > 0.9
    assert exact.judged == "not told apart"
    low, high = exact.membership.interval
    assert low <= 0.5 <= high
    assert exact.distance.value == exact.distance.null == untouched.distance.null  # the floor is its own
    assert untouched.distance.value > 2 * exact.distance.value
    assert untouched.rest.value == exact.rest.value == 1.0  # trees fit all that stays


def test_what_exact_retraining_says_is_what_trees_without_the_rows_say(tree, found):
    x, y = noisy()
    wrong = [(DecisionTreeClassifier(splitter="random", random_state=s).fit(x[12:], y[12:]).predict(x[:12]) == y[:12]).mean() for s in range(60)]
    right = [(DecisionTreeClassifier(splitter="random", random_state=s).fit(x, y).predict(x[:12]) == y[:12]).mean() for s in range(3)]
    assert min(right) == 1.0
    expected = 1 - np.mean(wrong) / 2  # untouched trees are always right; ties where a retrained one is right as well
    spread = np.std(wrong) / 2
    assert abs(found.method("untouched").membership.value - expected) < 4 * spread / np.sqrt(6)


def test_models_are_compared_with_retrainings_of_other_seeds(found):
    assert 0 < found.method("exact").distance.value < 1  # of the same seeds it would be 0


def test_order_of_the_ids_changes_nothing(tree, found):
    again = bh.unlearn(tree, GONE[::-1], models=6)
    assert [(one.membership, one.distance) for one in again.methods] == [(one.membership, one.distance) for one in found.methods]


def test_rows_that_nothing_was_memorised_of_leave_nothing_to_forget(tree):
    x, _ = noisy()
    easy = [int(row) for row in np.argsort(-np.abs(x[:, 0])) if row >= 12][:12]
    found = bh.unlearn(tree, easy, models=6)
    assert found.method("untouched").judged in ("not told apart", "nothing to forget", "undecided")
    assert "there is nothing to forget" in lines(found)[1]


def test_of_few_rows_membership_is_withheld(tree):
    found = bh.unlearn(tree, GONE[:3], models=4)
    assert {one.judged for one in found.methods} == {"withheld"}
    assert [one.membership for one in found.methods] == [None, None]
    assert found.withheld.figures == {"examples": 3, "needed": 10}
    assert "withheld" in lines(found)[1]
    assert "withheld" in render_unlearning(found)


def test_copies_are_refused_by_name_or_go_too():
    made = audited(noisy(copies=3), DecisionTreeClassifier())
    with pytest.raises(InputRefused, match=r"117 \(a copy of 0\), 118 \(a copy of 1\), 119 \(a copy of 2\) would stay"):
        bh.unlearn(made, GONE, models=4)
    with pytest.raises(InputRefused, match=r"0 \(a copy of 117\) would stay"):
        bh.unlearn(made, [117], models=4)  # all but one
    found = bh.unlearn(made, GONE, models=4, with_copies=True)
    assert found.copies == (117, 118, 119)
    assert len(found.forgotten) == 15
    assert bh.unlearn(made, [*GONE, 117, 118, 119], models=4).forgotten == found.forgotten
    assert any("3 that nobody named went too: 117, 118, 119" in line for line in lines(found))


def test_names_of_the_users_own():
    x, y = noisy(copies=1)
    made = audited((x, y), DecisionTreeClassifier(splitter="random"), test=noisy(80), id=[f"case {i}" for i in range(120)])
    with pytest.raises(UsageError, match="case 19"):
        bh.unlearn(made, ["case 190"], models=3)
    with pytest.raises(InputRefused, match=r"case 119 \(a copy of case 0\) would stay"):
        bh.unlearn(made, ["case 0"], models=3)
    found = bh.unlearn(made, ["case 0", "case 7"], models=3, with_copies=True)
    assert found.forgotten == (0, 7, 119)
    assert any("went too: case 119" in line for line in lines(found))
    assert "case 7" in render_unlearning(found)


def test_windows_of_a_series_are_refused():
    data = find("task", "henon")().draw(0)
    with pytest.raises(InputRefused, match="windows of a series, which overlap"):
        forgotten_of(data, [0])


def test_values():
    x, y = noisy()
    made = audited((x, y + 10.0 * (np.arange(len(x)) < 12) + x[:, 1]), DecisionTreeRegressor(splitter="random"), test=(x + 0.1, y * 1.0))
    found = bh.unlearn(made, GONE, models=4)
    assert found.method("untouched").judged == "told apart"
    assert found.method("exact").membership.interval[0] <= 0.5 <= found.method("exact").membership.interval[1]
    assert found.method("untouched").distance.unit == "ratio"
    assert found.method("untouched").rest.unit == "r2"


@pytest.fixture(scope="module")
def network():
    """Digits of which a fifth carry a wrong label, by heart."""
    task = find("task", "flipped")(task=find("task", "digits")(n=200), share=0.2)
    return audited(task, None, settings={"hidden": (48,), "epochs": 40})


@pytest.fixture(scope="module")
def wrong(network):
    data = load_data(network.draw_key, network.ledger)
    return [int(one) for one in data.train.ids[data.truth.changed]][:20]


@pytest.fixture(scope="module")
def forgotten(network, wrong):
    return bh.unlearn(network, wrong, models=6)


def test_ascent_goes_to_the_loss_of_models_that_left_the_rows_out(network, wrong, forgotten):
    bank = load_run(bank_keys(network.ledger, [step.key for step in network._plan.measure]), network.ledger)
    data = load_data(network.draw_key, network.ledger)
    losses = [
        float(bank.views["train"].loss_nats[-1][j, row])
        for row in np.flatnonzero(np.isin(data.train.ids, wrong))
        for j in range(len(bank.members))
        if not bank.members.seen[j, row]
    ]
    assert forgotten.method("ascent").settings["until"] == pytest.approx(np.mean(losses))


def test_every_method_of_a_network_is_judged(forgotten):
    assert [one.name for one in forgotten.methods] == ["untouched", "exact", *NAMES]
    assert forgotten.method("untouched").judged == "told apart"
    assert forgotten.method("exact").judged == "not told apart"
    assert forgotten.not_tried == ()
    for one in forgotten.methods:
        low, high = one.membership.interval
        assert (one.judged == "told apart") == (not low <= 0.5 <= high), one.name
        assert one.seconds > 0
        assert one.distance.null == forgotten.method("exact").distance.value
    ascent = forgotten.method("ascent").settings
    assert ascent["of"] == "left out"
    assert forgotten.method("newton-cut").settings["until"] == ascent["until"]
    text = "\n".join(lines(forgotten))
    assert all(CALLED[name] in text for name in NAMES)


def test_done_again_nothing_is_trained(network, wrong, forgotten, monkeypatch):
    monkeypatch.setattr("byheart.study.steps.perform", None)
    again = bh.unlearn(network, wrong[::-1], models=6)
    assert again.not_tried == ()
    assert again.methods == forgotten.methods


def test_what_does_nothing_is_told_apart_and_retraining_is_not(network, wrong, forgotten, monkeypatch):
    def nothing(method, trained, rows):
        return unmoved(trained, trained.weights())

    def retrained(method, trained, rows):
        members = trained.run.members.without(np.isin(np.arange(len(trained.data.train)), rows))
        return trained.learner.fit(trained.data, members, trained.training)

    for does, outcome in ((nothing, "told apart"), (retrained, "not told apart")):
        monkeypatch.setattr("byheart.training.unlearning.methods.forgetting", does)
        monkeypatch.setattr("byheart.study.unlearning.approximations.VERSION", outcome)  # steps of its own
        found = bh.unlearn(network, wrong, models=6).method("fine-tuning")
        assert found.judged == outcome
        expected = forgotten.method("untouched" if does is nothing else "exact")
        assert found.membership == expected.membership
        assert found.distance == expected.distance


def test_a_method_that_breaks_is_named_and_the_others_stay(network, wrong, monkeypatch):
    def breaks(self, trained, rows):
        raise InputRefused("weights that stay finite", "none", "Lower lr.")

    monkeypatch.setattr("byheart.training.unlearning.pruning.Pruning.forget", breaks)
    monkeypatch.setattr("byheart.study.unlearning.approximations.VERSION", "broken")
    found = bh.unlearn(network, wrong, models=3)
    assert [one.name for one in found.not_tried] == ["pruning"]
    assert len(found.methods) == 2 + len(NAMES) - 1
    assert "weights that stay finite" in "\n".join(lines(found))


def test_of_estimators_only_exact_retraining_applies(found):
    assert [one.name for one in found.methods] == ["untouched", "exact"]
    assert [one.name for one in found.not_tried] == list(NAMES)
    assert "where our own loop trains them" in "\n".join(lines(found))


@pytest.mark.parametrize(
    ("forget", "error", "words"),
    [
        ([], UsageError, "Name at least one"),
        ([7, 400], UsageError, "an id of the train view, 0 to 119"),
        ("7", UsageError, "a list of ids"),
        (range(119), InputRefused, "at least two examples that stay"),
    ],
)
def test_bad_input(tree, refused, forget, error, words):
    with pytest.raises(error) as raised:
        bh.unlearn(tree, forget)
    refused(raised.value, words)


def test_too_few_models_and_no_audit(tree, refused):
    with pytest.raises(UsageError) as raised:
        bh.unlearn(tree, GONE, models=2)
    refused(raised.value, "at least 3 models")
    with pytest.raises(UsageError):
        bh.unlearn(3, GONE)


def test_pages_hide_examples(found, tmp_path):
    assert found.save(tmp_path / "a.html").read_text() == render_unlearning(found)
    bare = found.only_ids()
    assert bare.exhibits == {}
    assert bare.hidden
    with pytest.raises(UsageError):
        found.save(tmp_path / "a.pdf")


def test_an_attacker_who_learned_which_way_rows_moved_is_enough():
    def auc(value, low, high):
        return Quantity(value=value, unit="auc", interval=(low, high), null=0.5, n=40)

    untouched, chance = auc(0.98, 0.95, 1.0), auc(0.5, 0.45, 0.55)
    assert judged(chance, untouched, 0.5) == judged(chance, untouched) == "not told apart"
    assert judged(chance, untouched, 0.005) == "told apart"
    assert judged(chance, auc(0.52, 0.48, 0.56), 0.5) == "nothing to forget"
    assert judged(auc(0.5, 0.2, 0.8), untouched, 0.5) == "undecided"
    assert judged(auc(0.3, 0.2, 0.4), untouched, 0.5) == "told apart"
    assert judged(None, untouched) == "withheld"
