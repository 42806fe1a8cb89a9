"""`byheart study capacity-sweep`: the user's own model along a setting of its own, and the budget on one axis."""

import json

import numpy as np
import pytest

from byheart.auditing.claims import claim_named
from byheart.auditing.named_learner import with_settings_of_its_own
from byheart.auditing.studies import prepared, requested
from byheart.errors import InputRefused, UnknownName
from byheart.learners.mlp import Mlp
from byheart.learners.userfit import UserFit
from byheart.records.claim_table import claim_from
from byheart.records.finding import answer_from
from byheart.report.cards import About, card_of
from byheart.surveys.budget import Budget
from byheart.testing.surveys import OTHER, QUANTITY, subjects

MY_AUDIT = """
import numpy as np
from sklearn.tree import DecisionTreeClassifier
rng = np.random.default_rng(0)
x = rng.normal(size=(80, 3))
y = np.where(rng.random(80) < 0.2, rng.integers(0, 2, 80), (x[:, 0] > 0).astype(int))
def fit(x, y, seed, depth=3):
    return DecisionTreeClassifier(max_depth=depth, random_state=seed).fit(x, y)
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_audit.py").write_text(MY_AUDIT)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(240, 2))
    rows = [f"{a:.4f},{b:.4f},{a - b + 0.5 * e:.4f}" for (a, b), e in zip(x, rng.normal(size=240))]
    (tmp_path / "data.csv").write_text("\n".join(["a,b,price", *rows, ""]))
    return tmp_path


def test_a_function_of_the_users_is_swept_over_its_own_parameter(mine, byheart):
    """A deeper tree remembers the noise: budget on one axis, in the terminal and on the page."""
    words = ("--set", "subject=my_audit.py", "--set", "vary=depth", "--set", "values=1,12", "--set", "members=12")
    said = byheart("study", "capacity-sweep", *words, "--jobs", "1", "--device", "cpu")
    assert said.code == 0
    rows = [line.split() for line in said.out.splitlines() if line.startswith("  depth ")]
    assert [row[1] for row in rows] == ["1", "12"]
    remembered = [float(row[row.index("memorised") + 1].replace("−", "-")) for row in rows]
    assert remembered[1] > remembered[0] + 10
    page = (mine / "byheart-study" / "study-capacity-sweep.html").read_text()
    assert "Budget by depth" in page


def test_a_table_is_swept_with_its_own_options(mine, byheart):
    words = ("--set", "subject=data.csv", "--set", "target=price", "--set", "learner=DecisionTreeRegressor")
    more = ("--set", "vary=max_depth", "--set", "values=1,3,9", "--set", "members=12")
    found = json.loads(byheart("study", "capacity-sweep", *words, *more, "--jobs", "1", "--json").out)
    budget = answer_from(found["surveys"]["survey/budget"])
    assert budget.status == "measured"  # of values: shares of their variance
    assert budget.tables["each"].units["memorised"] == "share"
    memorised = budget.tables["each"].values["memorised"]
    assert memorised[0] < memorised[1] < memorised[2]


def test_code_that_the_claim_names_needs_trust_and_code_that_the_command_names_does_not(mine):
    claim = claim_named("capacity-sweep", {"subject": "my_audit.py", "vary": "depth"})[1]
    with pytest.raises(InputRefused, match="--trust"):
        prepared(claim)
    assert prepared(claim, named=["my_audit.py"])
    with pytest.raises(InputRefused, match="--trust"):
        prepared(claim, named=["other.py", "data.csv"])


def test_a_setting_that_the_function_does_not_take_names_those_it_does(mine):
    claim = claim_named("capacity-sweep", {"subject": "my_audit.py", "vary": "dept"})[1]
    with pytest.raises(UnknownName, match="depth"):
        prepared(claim, trust=True)
    wrong = claim_named("capacity-sweep", {"subject": "data.csv", "target": "price"})[1].subject
    first = next(iter(wrong.values()))
    with pytest.raises(UnknownName, match="target"):
        requested(first.model_copy(update={"options": {"targt": "price"}}))


def test_settings_of_a_users_function_are_bound_and_the_others_left():
    def fit(x, y, seed, depth=3):
        return depth

    made, left = with_settings_of_its_own(UserFit.of(fit), {"learner.depth": 7, "task.n": 5})
    assert made.function()(None, None, 0) == 7
    assert left == {"task.n": 5}
    assert made.key() != UserFit.of(fit).key()
    ours = Mlp()
    assert with_settings_of_its_own(ours, {"learner.hidden": 4}) == (ours, {"learner.hidden": 4})


def test_a_wrong_name_knows_those_of_the_claim():
    with pytest.raises(UnknownName, match="values"):
        claim_named("capacity-sweep", {"valus": [1]})


def test_names_in_braces_are_filled_in_everywhere():
    claim = claim_named("capacity-sweep", {"vary": "width", "values": [4, 8], "subject": "isotropic", "learner": "random-features"})[1]
    assert [one.settings for one in claim.subject.values()] == [{"learner.width": 4}, {"learner.width": 8}]
    assert {one.task for one in claim.subject.values()} == {"isotropic"}
    assert claim.survey["budget"]["by"] == "learner.width"
    assert "On isotropic, along the setting width" in claim.note
    one = claim_named("capacity-sweep", {"values": 4})[1]
    assert len(one.subject) == 1  # a lone value of a list


def test_a_name_that_is_not_set_stays_as_it_is():
    table = {"claim": "c {other}", "source": [{"author": "a", "year": 1, "title": "t"}], "set": {"n": 5},
             "subject": {"one": {"task": "digits", "task_settings": {"n": "{n}"}, "probes": ["generalization/gap"]}},
             "expect": [{"says": "s", "quantity": "generalization/gap/gap", "above": 0}]}  # fmt: skip
    made = claim_from(table)
    assert made.claim == "c {other}"
    assert made.subject["one"].task_settings == {"n": 5}


def made_up(understood, memorised, half=0.01):
    found = subjects({f"size={i}": {QUANTITY: a, OTHER: b} for i, (a, b) in enumerate(zip(understood, memorised))}, half)
    return found, {f"size={i}": {"size": 2**i} for i in range(len(understood))}


def test_growth_is_that_between_the_ends_and_half_widths_add():
    found = Budget(by="size", understood=QUANTITY, memorised=OTHER, left=OTHER).read(*made_up([0.1, 0.5, 0.7], [0.2, 0.1, 0.3]))
    quantities = found.quantities
    assert quantities["understood_growth"].value == pytest.approx(0.6)
    assert quantities["memorised_growth"].value == pytest.approx(0.1)
    assert quantities["more_understood"].value == pytest.approx(0.5)
    assert quantities["understood_growth"].interval == pytest.approx((0.58, 0.62))
    assert quantities["more_understood"].interval == pytest.approx((0.46, 0.54))
    assert found.tables["each"].values["size"] == (1, 2, 4)


def test_the_card_of_a_budget_says_both_growths():
    found = Budget(by="size", understood=QUANTITY, memorised=OTHER, left=OTHER).read(*made_up([0.1, 0.7], [0.2, 0.1]))
    made = card_of(found, About())
    assert "Understood: +0.60" in made.body[0]
    assert "Memorised: −0.10" in made.body[0]
    assert {line.role for line in made.charts[0].lines} == {"understood", "memorised", "left"}
    assert set(made.notes) == set(found.quantities)


def test_names_between_bars_are_tried_in_turn():
    findings, grid = made_up([0.1, 0.7], [0.2, 0.1])
    probe, name = OTHER.rpartition("/")[0], OTHER.rpartition("/")[2]
    either = Budget(by="size", understood=QUANTITY, memorised=f"{probe}/nothing|{name}", left=OTHER)
    assert either.read(findings, grid).quantities["memorised_growth"].value == pytest.approx(-0.1)
    assert Budget(by="size", understood=QUANTITY, memorised=f"{probe}/nothing", left=OTHER).read(findings, grid).status == "withheld"


