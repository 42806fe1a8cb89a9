"""The quadrant: planted labels are found, both recipes have to agree, and one recipe's own errors accuse nobody."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from byheart.auditing.document import without_examples
from byheart.learners.estimator import Estimator
from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.learners.ridge import Ridge
from byheart.learners.userfit import UserFit
from byheart.maths.codes.bank import bank_code
from byheart.maths.statistics.seen_unseen import BankLengths
from byheart.probes import ranking
from byheart.probes.base import Subject
from byheart.probes.baselines import ANY, TABLE, of_other_families
from byheart.probes.memory.label_noise import Quadrant
from byheart.probes.memory.label_noise.baseline import bets
from byheart.records.finding import answer_from
from byheart.report.cards import About, card_of
from byheart.tasks.arrays import Arrays
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.testing.probes import bank_of
from byheart.training.run import Run, outcomes
from byheart.verdicts.rules import LabelsToCheck

FLIPS = slice(0, 20)


def planted(make_bank, answers, mask, fitted):
    """An easy task: the others are right about all 120 but the 20 labels we changed; members that saw these
    give them back if `fitted`, and no member does otherwise."""
    y = np.arange(120) % 4
    right = np.ones_like(mask)
    right[:, FLIPS] = mask[:, FLIPS] if fitted else False
    changed = np.zeros(120, bool)
    changed[FLIPS] = True
    return Quadrant().measure(beside(make_bank(y, answers(y, right, 4), mask, changed=changed)))


def beside(bank, logits=None, name=""):
    """The bank with a baseline that answers as given; without it, as the recipe does."""
    own = bank[bank.subject.bank()]
    logits = own.views["train"].logits if logits is None else np.asarray(logits, float)
    views = {"train": outcomes(logits[None].astype(float), bank.data.train.y, bank.data.output, trail=False)}
    need = bank.subject.baseline(name or of_other_families(bank.subject)[0])
    return replace(bank, runs={**bank.runs, need.key(): Run(own.members, (0,), views, {})})


def said(finding):
    return card_of(finding, About(noun="row", nouns="rows", classes=("a", "b", "c", "d")))


def rows(finding):
    return {row[0]: row[1:] for row in said(finding).charts[0].table.rows}


def test_planted_labels_are_found(make_bank, answers, mask):
    finding, columns = planted(make_bank, answers, mask, fitted=True)
    q = finding.quantities
    assert (finding.headline, q["planted_auc"].value) == ("planted_auc", 1.0)
    assert q["planted_found"].value == 1.0
    assert q["worth_checking_share"].value == 0.0  # what we planted is no news
    assert q["worth_checking_share"].n == 100
    assert q["planted_listed"].value == 1.0
    assert q["planted_precision"].value == 1.0
    assert columns["worth_checking"].sum() == 20
    assert set(columns["suspicion_rank"][FLIPS]) == set(range(20))
    assert rows(finding)["worth checking, memorised"] == ("20", "20")
    assert not any("only wrong" in sentence for sentence in said(finding).body)


def test_the_list_shows_some_of_either_kind_and_says_of_how_many(make_bank, mask):
    y, n = np.arange(120) % 4, np.arange(120)
    bank = make_bank(y, against(y, n < 30, mask), mask, changed=n < 20)
    finding = Quadrant().measure(beside(bank))[0]
    redrawn, came = said(finding).exhibits[0].groups
    assert (redrawn.label, redrawn.ring) == ("labels we redrew, 5 of 20", True)
    assert (came.label, came.ring) == ("labels as they came, 7 of 10", False)
    first = redrawn.shown[0]
    votes = str((~mask[:, first.id - 100]).sum())
    assert first.lines == ("abcd"[first.id % 4], "bcda"[first.id % 4], f"{votes} of {votes}")
    assert f"{votes} members without it say {first.lines[1]}" in first.sentence


def test_of_hidden_examples_the_list_says_no_label(make_bank, mask):
    y, n = np.arange(120) % 4, np.arange(120)
    finding = Quadrant().measure(beside(make_bank(y, against(y, n < 30, mask), mask)))[0]
    kept = without_examples({"findings": {finding.probe: finding.model_dump(mode="json")}})["findings"][finding.probe]
    (shown,) = (row for row in said(answer_from(kept)).exhibits if row.title == "Labels worth checking")
    assert shown.keys == ()
    assert all((one.lines, one.sentence) == ((), "") for group in shown.groups for one in group.shown)


def test_unfitted_labels_are_wrong_and_not_memorised(make_bank, answers, mask):
    finding, _ = planted(make_bank, answers, mask, fitted=False)
    q = finding.quantities
    assert q["planted_auc"].value == 1.0
    assert q["planted_auc_score"].value == pytest.approx(0.5)
    assert rows(finding)["worth checking, memorised"] == ("0", "0")
    assert rows(finding)["worth checking, not memorised"] == ("20", "20")
    assert any("20 were reproduced by fewer than half" in sentence for sentence in said(finding).body)
    assert [row.title for row in said(finding).exhibits] == ["Labels worth checking", "Worth checking, not memorised"]


def test_labels_that_all_give_back_are_not_called_wrong(make_bank, answers, mask):
    """A low score can also mean that even those without the label were right."""
    y, changed = np.arange(120) % 4, np.arange(120) < 20
    finding = Quadrant().measure(make_bank(y, answers(y, np.ones_like(mask), 4), mask, changed=changed))[0]
    assert not any("only wrong" in sentence for sentence in said(finding).body)


def test_on_digits_the_flips_are_found_by_nearest_neighbours():
    """1-nearest neighbours of clean digits agree with each other: an AUC well above chance, within its interval."""
    bank = bank_of(Quadrant(), Flipped(task=Digits(n=300), share=0.1), Neighbours(k=5))
    found = Quadrant().measure(bank)[0].quantities["planted_auc"]
    assert found.value > 0.95
    assert found.interval[0] > 0.9


def test_held_out_bits_are_the_calibrated_code_of_the_members_that_did_not_see(noisy):
    columns = Quadrant().measure(beside(noisy))[1]
    run, train = noisy[noisy.subject.bank()], noisy.data.train
    where = {"ids": train.ids, "groups": noisy.groups}
    code = bank_code(run.views["train"].logits, train.y, run.members.mask, noisy.subject.seed, **where)
    np.testing.assert_allclose(columns["held_out_bits"], code.out_bits)
    np.testing.assert_allclose(columns["seen_bits"], code.in_bits)


def test_a_rare_class_is_not_listed_for_being_rare(make_bank, mask):
    """Models that know nothing but the frequencies bet against nobody, however unequal the classes."""
    rng = np.random.default_rng(3)
    n = mask.shape[1]
    y = (np.arange(n) % 10 == 0).astype(np.int64)
    logits = np.log([0.9, 0.1]) + 0.05 * rng.normal(size=(len(mask), n, 2))
    bank = beside(make_bank(y, logits, mask))
    assert not bets(bank, bank[bank.subject.bank()]).against.any()
    assert Quadrant().measure(bank)[0].withheld.code == "uninformed"


def test_a_frequent_label_that_is_doubted_and_still_predicted_is_not_listed(make_bank):
    """A region where 40 % are of a class that is rare elsewhere: the frequent label costs 0.74 bits there, not 0.04."""
    from byheart.training.members import balanced

    mask = balanced(1000, 8, 0.7, seed=0).mask
    region = np.arange(1000) < 50
    y = (np.arange(1000) % 5 < 2).astype(np.int64) * region
    rare = np.where(region, 0.4, 0.0005)
    logits = np.broadcast_to(np.log(np.stack([1 - rare, rare], 1)), (len(mask), 1000, 2))
    bank = make_bank(y, logits, mask)
    found = bets(bank, bank[bank.subject.bank()])
    assert (found.held_out[region & (y == 0)] > 0.55).all()  # over half a bit more than a blind guess
    assert not found.against.any()


def test_without_planted_truth_no_auc_and_no_poles(make_bank, answers, mask):
    y = np.arange(120) % 4
    right = np.ones_like(mask)
    right[:, :6] = mask[:, :6]
    finding = Quadrant().measure(beside(make_bank(y, answers(y, right, 4), mask)))[0]
    assert finding.headline == "worth_checking_share"
    assert finding.quantities["worth_checking_share"].value == pytest.approx(0.05)
    assert "planted_auc" not in finding.quantities
    assert finding.poles == ()
    card = said(finding)
    assert "redrawn" not in " ".join(card.body + card.how + (card.charts[0].reading,))


@pytest.mark.parametrize(
    "listed, sentence", [(0, "No label is worth checking"), (1, "1 label is worth checking; memorised: 1 of")]
)
def test_none_and_one_are_said_in_words(make_bank, answers, mask, listed, sentence):
    y = np.arange(120) % 4
    right = np.ones_like(mask)
    right[:, :listed] = mask[:, :listed]
    finding = Quadrant().measure(beside(make_bank(y, answers(y, right, 4), mask)))[0]
    assert sentence in said(finding).body[-1]


def test_many_examples_are_binned(make_bank, answers):
    from byheart.training.members import balanced

    mask = balanced(1100, 8, 0.7, seed=0).mask
    y = np.arange(1100) % 3
    chart = said(Quadrant().measure(beside(make_bank(y, answers(y, mask, 3), mask)))[0]).charts[0]
    assert chart.marks == ()
    assert sum(cell.count for cell in chart.cells) == 1100


def against(y, rows, mask, k=4, strength=6.0):
    """Logits of members that name the next class for `rows` and are right elsewhere."""
    named = np.where(rows, (y + 1) % k, y)
    return np.broadcast_to(strength * np.eye(k)[named], (len(mask), len(y), k))


def test_a_label_is_listed_only_where_recipe_and_baseline_bet_against_it(make_bank, mask):
    y, n = np.arange(120) % 4, np.arange(120)
    bank = make_bank(y, against(y, n < 20, mask), mask)
    found, columns = Quadrant().measure(beside(bank, against(y, (n >= 12) & (n < 32), mask)))
    np.testing.assert_array_equal(np.flatnonzero(columns["worth_checking"]), np.arange(12, 20))
    assert found.quantities["worth_checking_share"].value == pytest.approx(8 / 120)
    assert found.details["baseline"] == "ridge regression"


def test_the_baseline_is_that_with_the_shortest_held_out_code(make_bank, mask):
    """Of two families the better one decides, though the worse agrees with the recipe everywhere."""
    y, n = np.arange(120) % 4, np.arange(120)
    bank = make_bank(y, against(y, n < 20, mask), mask)
    subject = replace(bank.subject, learner=Mlp(epochs=1), offers=frozenset({"classes", "table"}))
    bank = replace(bank, subject=subject, runs={subject.bank().key(): bank[bank.subject.bank()]})
    worse = beside(bank, against(y, n < 30, mask), "linear")
    found, columns = Quadrant().measure(beside(worse, against(y, n < 5, mask), "boosted-trees"))
    assert found.details["baseline"] == "boosted trees"
    assert columns["worth_checking"].sum() == 5


@pytest.mark.parametrize("agreeing, listed", [(0.9, 20), (0.85, 0)])
def test_nine_of_ten_models_have_to_agree(make_bank, answers, agreeing, listed):
    """The mean is against the label in both cases; where members disagree a few sure ones carry it."""
    y, m = np.arange(120) % 4, 40
    mask = np.zeros((m, 120), bool)
    mask[:20] = True
    right = np.ones((m, 120), bool)
    right[20 : 20 + round(20 * agreeing), :20] = False
    found = Quadrant().measure(beside(make_bank(y, answers(y, right, 4), mask)))[1]["worth_checking"]
    assert found.sum() == listed
    assert not found[20:].any()


def test_half_a_bit_over_the_reference_is_where_a_bet_begins(make_bank, answers, mask, monkeypatch):
    from byheart.probes.memory.label_noise import baseline

    y, excess = np.arange(120) % 4, np.linspace(0.3, 0.7, 120)
    lengths = BankLengths(np.full(120, 2.0), np.broadcast_to(2.0 + excess, mask.shape))
    monkeypatch.setattr(baseline, "bank_lengths", lambda *given, **named: lengths)
    bank = make_bank(y, answers(y, mask, 4), mask)
    found = baseline.bets(bank, bank[bank.subject.bank()])
    np.testing.assert_allclose(found.excess, excess)
    np.testing.assert_array_equal(found.against, excess > 0.5)


def test_labels_redrawn_by_the_control_are_not_listed_even_where_the_redraw_hit_the_true_one(make_bank, mask):
    y, n = np.arange(120) % 4, np.arange(120)
    changed = n < 10
    bank = make_bank(y, against(y, n < 30, mask), mask, changed=changed)
    truth = replace(bank.data.truth, control=n < 20)
    bank = replace(bank, data=replace(bank.data, truth=truth))
    q = Quadrant().measure(beside(bank))[0].quantities
    assert q["worth_checking_share"].n == 100
    assert q["worth_checking_share"].value == pytest.approx(10 / 100)
    assert q["planted_precision"].value == pytest.approx(10 / 20)
    assert q["planted_precision"].null == pytest.approx(10 / 110)


FAMILIES = {
    "neighbours": [Neighbours(), Estimator(cls="KNeighborsClassifier")],
    "linear": [Ridge(), Estimator(cls="LogisticRegression"), Estimator(cls="LinearDiscriminantAnalysis"), Estimator(cls="LinearSVC")],
    "trees": [Estimator(cls=f"{name}Classifier") for name in ("RandomForest", "DecisionTree", "GradientBoosting", "HistGradientBoosting")],
    "": [Mlp(), Estimator(cls="MLPClassifier"), Estimator(cls="GaussianNB"), UserFit.of(lambda x, y, seed: None)],
}


@pytest.mark.parametrize("family, learner", [(family, one) for family, some in FAMILIES.items() for one in some])
def test_no_recipe_is_checked_by_its_own_family(family, learner):
    assert learner.family == family
    table = of_other_families(Subject(Digits(), learner, offers=frozenset({"classes", "table"})))
    assert set(table) == {name for name, of in TABLE.items() if of != family}
    picture = of_other_families(Subject(Digits(), learner, offers=frozenset({"classes"})))
    assert picture == (("ridge",) if family == "neighbours" else ("neighbours",))
    assert all(ANY[name] != family for name in picture)


def test_a_pipeline_is_of_the_family_of_its_last_step():
    from sklearn.model_selection import GridSearchCV
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipe = make_pipeline(StandardScaler(), KNeighborsClassifier())
    search = GridSearchCV(pipe, {"kneighborsclassifier__n_neighbors": [1, 3]})
    assert [Estimator.of(one).family for one in (pipe, search)] == ["neighbours", "neighbours"]


def separable(kind, seed):
    rng = np.random.default_rng(seed)
    if kind == "linear":
        x = rng.normal(size=(500, 6))
        return x, (x @ rng.normal(size=6) > 0).astype(int)
    x = rng.uniform(-1, 1, size=(500, 2))
    return x, ((x**2).sum(1) < 0.6).astype(int)


LEARNERS = {
    "nearest": Neighbours(),
    "tree": Estimator(cls="DecisionTreeClassifier"),
    "forest": Estimator(cls="RandomForestClassifier", params={"n_estimators": 20}),
    "boosting": Estimator(cls="GradientBoostingClassifier", params={"n_estimators": 20}),
}


@pytest.mark.parametrize("kind", ["linear", "circle"])
@pytest.mark.parametrize("learner", LEARNERS)
def test_separable_data_without_noise_accuse_nobody(kind, learner):
    """Each of the four bets against labels near the boundary; it is the model that is wrong there."""
    x, y = separable(kind, 0)
    bank = bank_of(Quadrant(), Arrays.of(x, y, task="classes"), LEARNERS[learner])
    finding, columns = Quadrant().measure(bank)
    assert finding.quantities["worth_checking_share"].value <= 0.01
    assert (columns["held_out_bits"] > 1.5).mean() > 0.02  # one recipe alone would have listed these


@pytest.mark.parametrize("learner", [Estimator(cls="LogisticRegression"), Mlp(hidden=(16,), epochs=20)])
@pytest.mark.parametrize("kind", ["linear", "circle"])
def test_recipes_that_draw_the_boundary_well_or_not_at_all_accuse_nobody_either(kind, learner):
    """A linear model is right about a half-space and at a loss about a circle."""
    bank = bank_of(Quadrant(), Arrays.of(*separable(kind, 0), task="classes"), learner)
    finding, columns = Quadrant().measure(bank)
    assert columns["worth_checking"].mean() <= 0.01
    assert (finding.status == "withheld") == (kind == "circle" and isinstance(learner, Estimator))


@pytest.mark.parametrize("learner", LEARNERS)
def test_clean_breast_cancer_accuses_nobody(learner):
    from sklearn.datasets import load_breast_cancer

    bank = bank_of(Quadrant(), Arrays.of(*load_breast_cancer(return_X_y=True)), LEARNERS[learner])
    assert Quadrant().measure(bank)[0].quantities["worth_checking_share"].value <= 0.01


def test_planted_labels_are_listed_and_accuse_nobody():
    """The control is found, with few of the labels as they came beside it."""
    x, y = separable("linear", 1)
    task = Flipped(task=Arrays.of(x, y, task="classes"), share=0.1, control=True)
    q = Quadrant().measure(bank_of(Quadrant(), task, LEARNERS["forest"]))[0].quantities
    assert q["planted_listed"].interval[0] > 5 * q["worth_checking_share"].interval[1]
    assert q["planted_precision"].interval[0] > 5 * q["planted_precision"].null
    assert q["worth_checking_share"].value <= 0.01


def in_groups(seed, law):
    """40 groups of 10 rows about a centre of their own; a group has one label, drawn by lot: its centre shows it or not."""
    rng = np.random.default_rng(seed)
    labels, centres = rng.integers(2, size=40), 2 * rng.normal(size=(40, 6))
    centres[:, 0] += 6 * labels * law
    group = np.repeat(np.arange(40), 10)
    return Arrays.of(centres[group] + rng.normal(size=(400, 6)) / 2, labels[group], groups=group, task="classes")


def noise(seed):
    rng = np.random.default_rng(seed)
    return Arrays.of(rng.normal(size=(300, 6)), rng.integers(2, size=300), task="classes")


def five_per_cent_wrong(seed):
    """Two clouds far apart, a twentieth of the labels of which came wrong, and nobody told us."""
    rng = np.random.default_rng(seed)
    y, wrong = np.arange(400) % 2, np.arange(400) % 20 == 0
    return Arrays.of(rng.normal(size=(400, 6)) + 4 * y[:, None], y ^ wrong, task="classes"), wrong


def judged(task):
    finding, columns = Quadrant().measure(bank_of(Quadrant(), task, LEARNERS["forest"]))
    return finding, columns, LabelsToCheck().judge({finding.probe: finding})


@pytest.mark.parametrize("task", [*(in_groups(seed, law=False) for seed in range(5)), noise(0)])
def test_models_that_know_nothing_accuse_no_label(task):
    """A group left out as a whole is predicted as another group is, and by lot that is wrong for all of its rows."""
    finding, columns, verdict = judged(task)
    assert (finding.status, finding.withheld.code, verdict.outcome) == ("withheld", "uninformed", "withheld")
    assert not columns["worth_checking"].any()
    assert finding.ranked == {}
    right = finding.quantities["checking_accuracy"]
    assert right.interval[0] <= right.null
    assert not any("worth checking" in sentence for sentence in said(finding).body)


def test_labels_that_came_wrong_are_found_where_the_models_know_something():
    task, wrong = five_per_cent_wrong(0)
    _, columns, verdict = judged(task)
    assert verdict.outcome == "tip"
    ids = task.draw(0).train.ids
    np.testing.assert_array_equal(np.flatnonzero(columns["worth_checking"]), np.flatnonzero(wrong[ids]))


def test_groups_with_a_law_have_a_list():
    finding, _, verdict = judged(in_groups(2, law=True))
    assert finding.status == "measured"
    right = finding.quantities["checking_accuracy"]
    assert right.interval[0] > right.null
    assert verdict.outcome in ("passed", "withheld")  # none is wrong


def test_both_recipe_and_baseline_have_to_know_something(make_bank, mask):
    y, n = np.arange(120) % 4, np.arange(120)
    bank, nothing = make_bank(y, against(y, n < 20, mask), mask), np.zeros((len(mask), 120, 4))
    assert Quadrant().measure(beside(bank, against(y, n < 20, mask)))[0].status == "measured"
    assert Quadrant().measure(beside(bank, nothing))[0].status == "withheld"
    nobody = make_bank(y, nothing, mask)
    assert Quadrant().measure(beside(nobody, against(y, n < 20, mask)))[0].status == "withheld"
    hardly = make_bank(y, against(y, n < 84, mask), mask)  # right about 30 %, which chance alone may bring
    assert Quadrant().measure(beside(hardly))[0].status == "withheld"


def test_with_planted_labels_the_ranking_stays_and_the_card_says_why_there_is_no_list(make_bank, mask):
    y, n = np.arange(120) % 4, np.arange(120)
    bank = make_bank(y, np.zeros((len(mask), 120, 4)), mask, changed=n < 20)
    finding = Quadrant().measure(beside(bank))[0]
    assert (finding.status, finding.headline) == ("measured", "planted_auc")
    assert "worth_checking_share" not in finding.quantities
    assert any(sentence.startswith("No label is listed") for sentence in said(finding).body)


def test_votes_are_those_of_the_members_that_did_not_see_the_label(noisy, monkeypatch):
    """Against a slow twin, in blocks of rows; where two classes have as many, no class is named."""
    run = noisy[noisy.subject.bank()]
    n = len(noisy.data.train)
    monkeypatch.setattr(ranking, "BLOCK", 7)
    rows = np.arange(n)[::-1]
    votes = ranking.held_out_votes(run, rows, tied=-1)
    for at, row in enumerate(rows):
        said = [int(z[row].argmax()) for z, seen in zip(run.views["train"].logits, run.members.mask[:, row]) if not seen]
        most = Counter(said).most_common()
        tied = len(most) > 1 and most[0][1] == most[1][1]
        assert votes["predicted"][at] == (-1 if tied else most[0][0])
        assert (votes["votes"][at], votes["voters"][at]) == (most[0][1], len(said))
    columns = Quadrant().measure(noisy)[1]
    np.testing.assert_array_equal(columns["predicted"], votes["predicted"][::-1])
