"""Two audits compared: what is paired, what is refused, what is said, on data made to fool."""

import json

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import byheart as bh
from byheart.auditing.compare import compare
from byheart.auditing.compared_side import settings_of
from byheart.errors import InputRefused, UsageError
from byheart.records.comparison import ComparisonRecord
from byheart.registry import find
from byheart.report.comparison_text import lines

M = 12


def audited(data, model, **more):
    options = {"members": M, "device": "cpu", "say": lambda line: None} | more
    return bh.audit(data, model=model, **options)


def flat():
    return DecisionTreeClassifier(max_depth=1, random_state=0)


def deep():
    return DecisionTreeClassifier(random_state=0)


def by_luck(x, y, seed):
    return DecisionTreeClassifier(splitter="random", random_state=seed % 2**31).fit(x, y)


def by_other_luck(x, y, seed):
    return DecisionTreeClassifier(splitter="random", random_state=seed % 2**31 + 1).fit(x, y)


def noisy(n=160, seed=0, rare=None):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    y = (x[:, 0] > (0 if rare is None else np.quantile(x[:, 0], 1 - rare))).astype(int)
    wrong = rng.random(n) < 0.2
    return x, np.where(wrong, 1 - y, y) if rare is None else y


DATA = noisy()
TEST = noisy(80, 1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return tmp_path_factory.mktemp("audits")


@pytest.fixture(scope="module")
def pair(folders):
    return tuple(audited(DATA, one(), test=TEST, out=folders / one.__name__) for one in (flat, deep))


@pytest.fixture(scope="module")
def found(pair):
    return compare(*pair)


def test_every_number_of_both_is_compared_in_pairs_and_what_differs_comes_first(pair, found):
    assert found.pairing == "paired"
    first, second = ({k: q for f in one.findings.values() for k, q in getattr(f, "quantities", {}).items()} for one in pair)
    names = [one.name for one in found.differences]
    assert {"memorised_bits_share", "understood_bits_share", "gap", "train_accuracy", "test_accuracy", "memorised_share"} <= {*names}
    assert not any("neighbours" in name or "one_model" in name for name in names)
    for one in found.differences:
        assert one.difference.value == pytest.approx(second[one.name].value - first[one.name].value, abs=1e-9), one.name
        assert (one.difference.null, one.first, one.second) == (0.0, first[one.name], second[one.name])
        assert one.paired or one.name == "membership_auc"
    told = [one.matters for one in found.differences]
    assert told == sorted(told, reverse=True)
    widths = [one.widths for one in found.differences if one.matters]
    assert widths == sorted(widths, reverse=True)
    for one in found.differences:
        low, high = one.difference.interval
        assert one.matters == (low > 0 or high < 0)


def test_deep_trees_hold_noise_by_heart(found):
    for name, sign in {"memorised_bits_share": 1, "left_bits_share": -1, "train_accuracy": 1, "gap": 1}.items():
        one = found.found(name)
        assert one.matters, name
        assert sign * one.difference.value > 0, name


def test_the_other_way_round_signs_are_turned_to_the_last_bit(pair, found):
    back = compare(*pair[::-1])
    for one in found.differences:
        low, high = one.difference.interval
        other = back.found(one.name).difference
        assert (other.value, other.interval) == (-one.difference.value, (-high, -low)), one.name
    for one, other in zip(found.changed, back.changed, strict=True):
        assert (one.first, one.second, one.by_chance, one.most) == (other.second, other.first, other.by_chance, other.most)


def test_of_other_subsets_too_and_the_swaps_are_the_same(pair):
    other = audited(DATA, flat(), test=TEST, seed=5)
    there, back = compare(pair[1], other), compare(other, pair[1])
    for one in there.differences:
        low, high = one.difference.interval
        assert back.found(one.name).difference.interval == (-high, -low)
    for one, turned in zip(there.changed, back.changed, strict=True):
        assert (one.changed, one.by_chance, one.most) == (turned.changed[::-1], turned.by_chance, turned.most)


def test_labels_that_the_control_redrew_are_in_no_difference():
    task = find("task", "flipped")(task=find("task", "digits")(n=240), share=0.1, control=True)
    found = compare(*(audited(task, DecisionTreeClassifier(max_depth=d, random_state=0), members=8) for d in (3, None)))
    assert found.pairing == "paired"
    for one in found.differences:
        assert one.difference.value == pytest.approx(one.second.value - one.first.value, abs=1e-9), one.name
    assert found.subject["n"] == one.first.n < 240


def test_a_run_differs_from_itself_by_exactly_0(pair, folders):
    for same in (compare(pair[0], pair[0]), compare(pair[0], folders / "flat")):
        assert same.pairing == "same models"
        assert {one.difference.value for one in same.differences} == {0.0}
        assert {one.difference.why_no_interval for one in same.differences} == {"exact"}
        assert not any(one.matters for one in same.differences)
        assert "same trained models" in repr(same)


def test_other_subsets_are_not_paired_and_wider_and_why_is_said(pair, found):
    for more, why in ({"seed": 5}, "other seed"), ({"share": 0.6}, "other share"), ({"members": 16}, "other members"):
        other = compare(pair[0], audited(DATA, deep(), test=TEST, **more))
        assert other.pairing == why
        assert not any(one.paired for one in other.differences)
        said = "\n".join(lines(other))
        assert "Not paired: " in said
        assert f"same --{why.split()[1]}" in said
    grouped = compare(pair[0], audited(DATA, deep(), test=TEST, groups=np.arange(len(DATA[0])) // 2))
    assert grouped.pairing == "other groups"
    plain = compare(pair[1], audited(DATA, DecisionTreeClassifier(max_leaf_nodes=20, random_state=0), test=TEST))
    apart = compare(pair[1], audited(DATA, DecisionTreeClassifier(max_leaf_nodes=20, random_state=0), test=TEST, seed=5))
    widths = [(one.found("held_out_accuracy").difference.interval) for one in (plain, apart)]
    assert np.ptp(widths[0]) < np.ptp(widths[1])


@pytest.mark.parametrize("data, words", [
    (noisy(seed=9), "which differ"),
    (noisy(n=100), "160 examples of your arrays"),
    ((DATA[0], np.where(np.arange(160) < 7, 1 - DATA[1], DATA[1])), "7 targets that differ"),
])
def test_other_data_are_refused_with_what_to_do(pair, data, words):
    other = audited(data, deep(), test=TEST, members=8)
    for both in ((pair[0], other), (other, pair[0])):
        with pytest.raises(InputRefused, match="same") as refused:
            compare(*both)
        assert "Audit both on the same data and test" in str(refused.value)
    with pytest.raises(InputRefused, match=words):
        compare(pair[0], other)


def test_another_target_is_refused():
    x, y = DATA
    values = audited((x, y.astype(float)), DecisionTreeRegressor(random_state=0), task="values", members=8)
    classes = audited(DATA, deep(), members=8)
    with pytest.raises(InputRefused, match="same targets"):
        compare(values, classes)


def test_values_have_shares_of_the_variance():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 3))
    data = x, x[:, 0] + 0.5 * rng.normal(size=200)
    found = compare(*(audited(data, DecisionTreeRegressor(max_depth=d, random_state=0)) for d in (1, None)))
    assert found.found("memorised_share_of_variance").matters
    assert found.found("memorised_share_of_variance").difference.value > 0
    assert found.found("gap") is None  # the same number under another name
    assert found.changed == ()
    assert "of the variance of the values" in repr(found)


def test_copies_are_one_and_noise_is_noise():
    """Every row twice, labels by chance: whatever a seed does, nothing is understood and nothing differs."""
    rng = np.random.default_rng(3)
    data = np.repeat(rng.normal(size=(80, 3)), 2, 0), np.repeat(rng.integers(0, 2, 80), 2)
    found = compare(*(audited(data, None, fit=one) for one in (by_luck, by_other_luck)))
    assert found.pairing == "paired"
    assert not any(one.matters for one in found.differences if one.name != "membership_auc")
    assert not any(one.told for one in found.changed)


def test_a_class_of_2_per_cent_withholds_the_bits_and_compares_the_rest():
    data = noisy(300, rare=0.02)
    found = compare(*(audited(data, one()) for one in (flat, deep)))
    assert found.found("memorised_bits_share") is None
    right = found.found("held_out_accuracy")
    assert right.difference.value == pytest.approx(right.second.value - right.first.value)
    assert right.difference.interval[0] <= right.difference.value <= right.difference.interval[1]


def test_examples_that_changed_sides_are_named_where_chance_does_not_bring_as_many(pair, found):
    memorised, unseen = found.changed
    assert (memorised.what, unseen.what) == ("memorised", "right_unseen")
    assert memorised.changed[1] > memorised.most
    assert len(memorised.second) == memorised.changed[1]
    wrong = {ident for ident in memorised.second if (DATA[0][ident, 0] > 0) != DATA[1][ident]}
    assert len(wrong) > 0.7 * len(memorised.second)  # noise is what a deep tree learns by heart
    assert {f"train:{ident}" for ident in memorised.second[:12]} <= {*found.exhibits}
    hidden = compare(*pair, hide_examples=True)
    assert (hidden.exhibits, hidden.changed) == ({}, found.changed)


def test_the_page_and_the_document_hold_the_same_numbers(found, tmp_path):
    page, data = found.save(tmp_path / "compare.html"), found.save(tmp_path / "compare.json")
    text = page.read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8") == found.save(tmp_path / "again.html").read_text(encoding="utf-8")
    document = json.loads(data.read_text(encoding="utf-8"))
    assert document == found.to_dict()
    assert ComparisonRecord.model_validate(document) == ComparisonRecord.model_validate(found.to_dict())
    for words in ("What differs", "By heart", "Examples that changed sides", "Paired: 12", "max_depth"):
        assert words in text, words
    assert "://" not in text.replace("http://www.w3.org", "")
    with pytest.raises(UsageError, match=r"compare\.html"):
        found.save(tmp_path / "compare.txt")


def test_the_command_line_takes_folders_and_digits(pair, folders, byheart):
    said = byheart("compare", folders / "flat", folders / "deep", "--out", "here")
    assert said.code == 0, said.err
    assert "By heart" in said.out
    assert "Unlike        max_depth 1 → default" in said.out
    assert said.out.rstrip().endswith("here/compare.html")
    digits = pair[0].to_dict()["subject"]["run"]
    said = byheart("compare", digits[:6], "latest", "--in", folders / "flat", "--json")
    assert json.loads(said.out)["pairing"] == "same models"
    for words in (("compare", "nothing", folders / "flat"), ("compare", folders / "flat", "abc", "--in", folders / "deep")):
        said = byheart(*words)
        assert (said.code, said.out) == (2, "")
        assert len(said.err.splitlines()) <= 6


def test_settings_that_differ_are_named_one_by_one_and_code_by_its_digest(pair, found):
    assert found.unlike() == {"max_depth": ("1", "default")}
    lucky = [audited(DATA, None, fit=one, test=TEST, members=8) for one in (by_luck, by_other_luck)]
    unlike = compare(*lucky).unlike()
    assert {"learner", "code"} == {*unlike}
    assert compare(pair[0], lucky[0]).unlike().keys() == {"learner", "members"}


def test_code_without_a_digest_is_not_taken_for_the_same_models():
    """Functions whose source cannot be had share a key: the models tell that they are others."""
    made = []
    for depth in (1, 9):
        space = {"DecisionTreeClassifier": DecisionTreeClassifier}
        exec(f"def fit(x, y, seed): return DecisionTreeClassifier(max_depth={depth}, random_state=0).fit(x, y)", space)
        made.append(audited(DATA, None, fit=space["fit"], members=8))
    found = compare(*made)
    assert found.pairing == "paired"
    assert found.found("train_accuracy").matters


def test_audits_of_another_version_are_refused(pair, monkeypatch):
    from byheart.auditing import compare as module

    monkeypatch.setattr(module, "SCHEMA", 0)
    with pytest.raises(InputRefused, match="schema 0, got"):
        compare(*pair)


def test_a_report_that_hides_examples_keeps_them_hidden(folders, pair, byheart):
    pair[0].save(folders / "flat" / "report.json", hide_examples=True)
    hidden = json.loads(byheart("compare", folders / "flat", folders / "deep", "--json").out)
    assert (hidden["hidden"], hidden["exhibits"]) == (True, {})
    shown = json.loads(byheart("compare", folders / "flat", folders / "deep", "--json", "--show-examples").out)
    assert not shown["hidden"]
    (folders / "flat" / "report.json").unlink()
    assert not json.loads(byheart("compare", folders / "flat", folders / "deep", "--json").out)["hidden"]


def test_names_of_the_users_stand_on_the_page(tmp_path):
    called = [f"row-{i}" for i in range(len(DATA[0]))]
    found = compare(*(audited(DATA, one(), id=called) for one in (flat, deep)))
    first = found.changed[0].second[0]
    assert found.subject["names"][f"train:{first}"] == called[first]
    assert called[first] in found.save(tmp_path / "compare.html").read_text(encoding="utf-8")


def test_what_is_no_audit_is_refused_by_name(pair, tmp_path):
    with pytest.raises(UsageError, match="an audit, or the folder of one, got dict"):
        compare(pair[0], pair[1].to_dict())
    with pytest.raises(UsageError, match="a ledger with a finished audit"):
        compare(pair[0], tmp_path)


def test_what_is_withheld_is_said_with_its_reason():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(150, 2))
    heavy = x, np.exp(4 * x[:, 0])
    found = compare(*(audited(heavy, DecisionTreeRegressor(max_depth=d, random_state=0), members=8) for d in (1, None)))
    assert found.found("memorised_share_of_variance") is None
    assert {(one.probe, one.where) for one in found.missing} >= {("complexity/description-length", "both"), ("generalization/gap", "both")}
    assert "Withheld complexity/description-length and generalization/gap in both: " in repr(found)


def test_a_pipeline_is_told_step_by_step():
    steps = {"steps": [{"tuple": ["scale", {"estimator": ["Scaler", {"with_mean": False}]}]}, {"tuple": ["tree", {"estimator": ["Tree", {}]}]}]}
    learner = {"title": "Pipeline", "name": "estimator", "cls": "Pipeline", "params": str(steps), "epochs": 3}
    assert settings_of(learner) == {"epochs": "3", "scale": "Scaler", "scale.with_mean": "False", "tree": "Tree"}
    assert settings_of({"params": "<object>"}) == {"params": "<object>"}
