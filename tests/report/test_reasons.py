"""Reasons: every code has its words, every figure of a code is said, and a document that lacks one is refused by name."""

import re
from pathlib import Path
from typing import get_args

import pytest

import byheart
from byheart.errors import InputRefused
from byheart.probes.base import reason
from byheart.records.claim_result import Outcome, Reading
from byheart.records.quantity import Quantity
from byheart.records.reason import FIGURES, Reason, ReasonCode
from byheart.report.cards import About
from byheart.report.cards.reasons import WORDS, advice, why, why_unread, why_withheld

CODES = get_args(ReasonCode)
GROUPS = {"examples": 1200, "needed": 20.0, "named": False}
TOGETHER = "Copies and groups are seen or left out together: of 1,200 images, "
COPIES = "Take out the copies (memory/duplicates lists them), or give more that differ."
NAMED = "Give more groups, or finer ones; examples of one group count as one."
DEVIATIONS = {"values": 1500, "groups": 1500, "effective": 12.34, "needed": 30.0}
APART = DEVIATIONS | {"groups": 40}
MISSING = "expected the figures of the reason"

# code, figures, why, advice
SAID = [
    ("one-sided", {"examples": 1, "of": 1200}, "Seen by all members or by none: 1 of 1,200 images.",
     "Train more members (--members), or give each a smaller --share."),
    ("few members", {"members": 4, "needed": 8}, "4 members were trained: some images were left out by none of them, so "
     "nothing is said of single images.", "Train 8 members or more (--members 8)."),
    ("few members", {"members": 1, "needed": 8}, "One member was trained: some images were left out by none of them, so "
     "nothing is said of single images.", "Train 8 members or more (--members 8)."),
    ("proxies alone", {"members": 4, "needed": 8}, "4 members were trained, which gives no memorisation scores to judge "
     "proxies by; what follows is a ranking by a proxy.", "Train 8 members or more (--members 8)."),
    ("few blocks", {"members": 4, "needed": 8}, "Subsets are blocks in time, and 4 members were trained: too few blocks to "
     "speak for the others.", "Train 8 members or more (--members 8)."),
    ("few draws", GROUPS | {"draws": 4.04, "needed": 5.0},
     "Copies count as one: 1,200 images are worth 4.0 draws, 5 are needed.", COPIES),
    ("few draws", GROUPS | {"draws": 4.04, "named": True},
     "Copies count as one: 1,200 images are worth 4.0 draws, 20 are needed.", NAMED),
    ("few groups", GROUPS | {"groups": 1, "needed": 20}, f"{TOGETHER}only 1 group is left, and 20 are needed.", COPIES),
    ("few groups", GROUPS | {"groups": 4, "needed": 20}, f"{TOGETHER}only 4 groups are left, and 20 are needed.", COPIES),
    ("large group", GROUPS | {"share": 0.93, "most": 0.3},
     f"{TOGETHER}one group holds 93\u202f% of them, and at most 30\u202f% can be judged.", COPIES),
    ("uneven halves", GROUPS | {"share": 0.28, "named": True},
     f"{TOGETHER}the smaller half would hold 28\u202f% of them, a third is needed.", NAMED),
    ("dependent groups", GROUPS | {"draws": 3.0, "needed": 5.0},
     f"{TOGETHER}they count as 3.0 draws, 5 are needed.", COPIES),
    ("rare labels", {"labels": 1400, "effective": 9.94, "needed": 20, "rarest": 8},
     "Rare classes carry the label bits: the 1,400 labels count as 9.9, and 20 are needed to know shares of their bits. "
     "Of the rarest class there are 8.", "Give more examples of the rare classes."),
    ("heavy tail", DEVIATIONS, "the largest of the 1,500 values carry the variance: they count as 12.3 squared "
     "deviations, and R2 needs 30", "audit a transformed target: --transform log or --transform rank; or give more examples"),
    ("heavy tail", APART, "the largest of the 1,500 values, in 40 groups (copies, named ones, blocks in time), carry the variance: "
     "they count as 12.3 squared deviations, and R2 needs 30",
     "audit a transformed target: --transform log or --transform rank; or give more examples"),
    ("few deviations", DEVIATIONS, "the 1,500 values are few: they count as 12.3 squared deviations, and R2 needs 30",
     "give more examples"),
    ("few deviations", APART, "the 1,500 values, in 40 groups (copies, named ones, blocks in time), are few: they count as 12.3 "
     "squared deviations, and R2 needs 30", "give more examples of other groups, or a longer series"),
    ("unbounded bits", {}, "members pass through the values that they saw (squared error below a millionth of the "
     "variance), so the bits held by heart have no bound", "read the shares of the variance in complexity/description-length"),
    ("nobody left to judge", {"members": 4, "needed": 8}, "With 4 members nobody is left to judge some images when one "
     "member is set aside.", "Train more members: --members 8."),
    ("no halves to compare", {}, "No two halves of the members have scores to compare: too few members, or nothing is "
     "memorised.", "Try more --members."),
    ("no clear pair", {"members": 48, "needed": 1730, "threshold": 0.15}, "no pair stands clear of chance with 48 members",
     "about 1,730 members would be needed: --members 1730"),
    ("no clear pair", {"members": 2000, "needed": 1730, "threshold": 0.15},
     "no pair stands clear of chance with 2000 members",
     "nothing: 2,000 members are enough to show a pair of 0.15, and none shows"),
    ("no baseline", {}, "There is no baseline of another family to check the labels with.", ""),
    ("uninformed", {}, "No label is listed: models of this recipe or of the baseline predict labels they have not seen no "
     "better than a blind guess, so what they predict is no evidence against a label.",
     "Try another learner, or give more examples; with groups, more groups."),
    ("no test set", {}, "There are no new examples.", "Give a test set."),
    ("small test set", {"examples": 5, "needed": 8}, "An interval takes 8 new examples, there are 5.",
     "Give a larger test set."),
    ("on request", {"probe": "memory/credit"}, "Only on request, for its cost.", "Ask for it: --also memory/credit."),
    ("not recorded", {"learner": "forest", "instead": "retrain"}, "Its training is not made of steps that our loop could "
     "record (forest).", "Ask for --also memory/effect:method=retrain."),
    ("not recorded", {"learner": "forest", "instead": "record"}, "Its training is not made of steps that our loop could "
     "record (forest).", "Record your own loop with byheart.record, and ask path_credit."),
    ("another output", {"asked": "classes, values", "kind": "tokens"},
     "It is asked of classes and values; these data hold text.", ""),
    ("no table", {}, "Its examples are not rows of a table.", ""),
    ("one phase", {}, "The training data come in one phase.", "`byheart audit in-phases` has two phases of digits."),
    ("best loss unknown", {}, "The best possible loss on these data is not known.", ""),
    ("no runs", {"members": 8}, "None of the 8 models that it reads could be trained.", ""),
    ("few examples", {"examples": 1, "needed": 2}, "It takes 2 examples, there are 1.", "Give more examples."),
    ("undefined", {}, "Its numbers are not defined on these data: too little varies.", "Give more examples that differ."),
    ("no epochs", {}, "It does not learn in epochs, or in too few: there is no order to see.", ""),
    ("gradients need classes", {}, "Projected gradients need classes.", "Try method=unrolled."),
    ("too few to check", {"members": 8, "needed": 32}, "With 8 members nothing can be checked against retraining.",
     "Train at least 32: --members 64."),
    ("unchecked", {"cause": "too few members", "members": 8}, "the effects were not checked: 8 members are too few",
     "--members 64 would be enough"),
    ("unchecked", {"cause": "one-sided halves", "members": 8}, "the effects were not checked: half of the members leaves "
     "some images seen by all of them or by none", "--members 64 would be enough"),
    ("unchecked", {"cause": "members agree", "members": 8},
     "the effects were not checked: the members all say the same", "--members 64 would be enough"),
    ("no prediction", {"other": "retrain"}, "the effects do not predict what retrained models say",
     "more members may show a weak one; or another method: --also memory/effect:method=retrain"),
    ("remainder", {"share": 0.123}, "the credits do not add up: 12.3\u202f% of what training changed is missing",
     "smaller steps would: training is too rough for its steps to be read along straight lines"),
    ("no secrets", {}, "No secrets were planted.", "For a text: byheart audit canaries plants some in Python's manual."),
    ("no secrets held out", {}, "No secrets were planted, or none was held out.", ""),
    ("too many secrets", {"possible": 17576}, "The 17,576 secrets that there could be were not all read.",
     "Ask for method=auto, or plant shorter secrets (a million possible ones at most)."),
    ("no logits", {}, "The model kept no logits of the secrets.", "Leave the sampler at temperature 1 and all tokens."),
    ("unlike references", {"bits": -0.5, "chance": 1.4427}, "secrets never planted stand at \u22120.50 bits where chance "
     "gives 1.44: what they are ranked among is not like them", "nothing: the references must be made like the secrets"),
    ("failed", {"error": "it {broke}"}, "it {broke}", ""),
    ("not measured", {}, "it was not measured", ""),
    ("no quantity", {"name": "a", "nearest": "aa"}, "it gives no a; nearest: aa", ""),
    ("no quantity", {"name": "a", "nearest": None}, "it gives no a", ""),
    ("no interval", {"name": "a", "why": "too few"}, "a has no interval: too few", ""),
    ("several units", {"units": "auc and bits"}, "they are counted in auc and bits", ""),
    ("recipe and run", {}, "one describes this run, the other the recipe", ""),
    ("no null", {}, "it has no null", ""),
    ("nothing kept", {"learner": "ridge", "keep": "weights"}, "It reads weights of the models, which are seen only where "
     "our own loop trains them (ridge).", "Give the model itself: bh.audit(..., model=make_model)."),
    ("no setting", {"learner": "ridge", "setting": "hidden"}, "It varies the setting hidden, which ridge does not have.", ""),
    ("yours", {}, "the models on other subsets were not asked about what you gave", ""),
    ("gone", {}, "the models trained on other subsets are not in the ledger; run the audit again", ""),
    ("few models", {"models": 3}, "only 3 models were trained on other subsets", ""),
    ("models agree", {}, "all models trained on other subsets say the same of it", ""),
    ("few on each side", {}, "too few models saw it, and too few did not, to compare among either", ""),
    ("cut short", {"why": "cut short: 5 steps were recorded before KeyboardInterrupt", "steps": 5},
     "cut short: 5 steps were recorded before KeyboardInterrupt; credit is for these 5 steps", ""),
    ("replay departs", {"share": 2.34e-7}, "replayed steps depart from the recorded ones by 2.3e-07 of the way gone", ""),
    ("above tolerance", {"missed": 0.0123, "tolerance": 1e-9},
     "the remainder is 1.2e-02 of the change, above the tolerance 1.0e-09", ""),
    ("cells", {"cells": 1200}, "The data have only 1,200 distinct inputs, with differing targets: equal inputs are cells of "
     "a design, not copies.", ""),
    ("copies by chance", {"share": 0.123, "chance": 0.1}, "12.3\u202f% of the images have a copy, and chance alone makes "
     "10.0\u202f%: the columns are too coarse to tell copies from coincidences.", ""),
    ("ranked alone", {"kind": "tokens"}, "Scores of text are ranked; none says where memorised begins.",
     "The column memory/counterfactual/rank of `audit.examples()` has the ranking."),
    ("few false alarms", {"needed": 34}, "Too few false alarms stand behind an attack at 1\u202f% of them.",
     "Train more members: --members 34."),
    ("gaps alike", {"models": 2}, "The gaps of the 2 models do not differ clearly, so nothing can be ranked by them.",
     "Give more test data, or compare more models: `--also generalization/measures`."),
    ("too few points", {"points": 1, "needed": 2}, "1 of the settings could be trained; 2 are needed.", ""),
    ("small grid", {"measured": 2, "needed": 3}, "measured at 2 points of the grid, and it takes 3", "a grid of more values"),
    ("peak at the end", {"at": 4000}, "the largest error may lie beyond the grid: it is at 4000, at an end of it",
     "a grid that goes further"),
    ("not crossed", {"level": 0.5}, "the level 0.5 may be crossed beyond the grid: at none of its values is all of an "
     "interval below it, or from none on above", "a grid that goes further, or more members"),
    ("may be 0", {"sizes": 2, "of": 5, "at": 75}, "at 2 of 5 sizes it may be 0 or less, first at 75: it has "
     "no logarithm there, and leaving a point out would bend the law",
     "more members or larger sizes, which narrow the intervals"),
    ("no power law", {"at": 1200, "factor": 1.5, "bend": -0.234}, "it goes with no power of the size: the value at 1200 lies "
     "a factor of 1.50 off the nearest one, and its exponent changes by \u22120.23 when the size doubles, more than the "
     "intervals allow", "a narrower range of sizes, or the survey dose, which asks whether it grows at all"),
    ("beyond the range", {"at": 5000, "least": 37.5, "most": 2400}, "a law is carried from half the smallest size to twice "
     "the largest, 37.5 to 2400, and not to 5000", "larger or smaller sizes, measured"),
    ("few seeds", {"seeds": 4, "needed": 10}, "4 seeds were trained; 10 are needed.", "Ask for seeds=10 or more."),
    ("undecided", {}, "the interval allows both", ""),
    ("one training", {}, "it describes this one training, and a gate asks of the recipe", "more members"),
    ("no single change", {}, "No two configurations differ in one hyper-parameter alone.",
     "Add runs that do: a grid of settings, not random draws."),
    ("one setting", {}, "It holds two hyper-parameters fixed, and one is there.", "Name another column of settings."),
    ("no order", {}, "The gaps have no order to be told: they are tied, or the hyper-parameters that are held fixed decide "
     "them.", "Add repeats of configurations, with other seeds."),
    ("no test size", {}, "It is not known on how many test examples the gaps were measured.",
     "Give the number: --test-size N."),
    ("no shares", {"largest": 12.34}, "Sign-errors weigh differences of shares, and the largest gap is 12.3.",
     "Give gaps of accuracy between -1 and 1."),
    ("few pairs", {"effective": 9.0, "needed": 12.0}, "In no environment are enough differences of gaps certain: 9.0 "
     "effective pairs of 12.", "Measure the gaps on more test examples, or add repeats."),
    ("few configurations", {"configurations": 4, "needed": 10},
     "A model of the hyper-parameters needs 10 configurations, and there are 4.", "Add runs of other settings."),
    ("no network", {"learner": "neighbours"}, "A certificate is fitted around a network that byheart builds, and neighbours is "
     "none.", "Ask with a network: --learner mlp, or model= a function that makes a torch module."),
    ("rows in time", {}, "Rows follow one another in time: a certificate needs independent draws.",
     "With --split random rows count as independent, if you know that they are."),
    ("nothing random", {}, "Every token follows from those before it: nothing need be held by heart.", ""),
    ("short series", {"steps": 12}, "Too few steps follow one another without a gap: 12.",
     "Give a longer series, or one without gaps."),
    ("past unseen", {"steps": 900}, "In the last 900 steps the next depends on those before it in a way that neither linear "
     "maps, products nor a kernel predict.", "Look at the series at another step of time, or with more channels."),
    ("no cuts", {"windows": 16, "needed": 40}, "There are 16 test windows, and 40 are needed to cut them.",
     "Give a longer series, or a larger --split."),
    ("short window", {}, "Models get one step, or the task has no window that could be shorter.", "Give a longer --window."),
    ("large state", {"numbers": 90, "most": 64}, "A window holds 90 numbers, and exponents are made of at most 64.",
     "Give a shorter --window, or fewer channels."),
    ("no orbit", {"steps": 2000}, "Left to itself the model leaves every bound within 2,000 steps.",
     "Look at dynamics/orbit: it says when."),
    ("leaked series", {"steps": 30, "test": 500}, "30 of the 500 test steps are copies of training steps: a replay of the "
     "record would score there as the system itself.", "Test on another stretch of the series."),
    ("other", {"why": "Tides {are} not asked."}, "Tides {are} not asked.", ""),
    ("other", {"why": "No {0}.", "advice": "Try {nouns}."}, "No {0}.", "Try {nouns}."),
]  # fmt: skip


def test_every_code_has_figures_words_and_an_example_here():
    assert set(CODES) == set(FIGURES) == set(WORDS) == {code for code, *_ in SAID}
    assert len(CODES) == len(set(CODES))


def test_every_code_is_given_somewhere():
    source = Path(byheart.__file__).parent
    given = "".join(
        path.read_text()
        for floor in ("probes", "surveys", "verdicts", "maths", "study")
        for path in (source / floor).rglob("*.py")
    )
    assert [code for code in CODES if f'"{code}"' not in given] == []


@pytest.mark.parametrize("code, figures, said, helps", SAID)
def test_the_words_of_a_reason(code, figures, said, helps):
    found = Reason.model_validate_json(Reason(code=code, figures=figures).model_dump_json())
    assert (why(found, About(nouns="images")), advice(found, About(nouns="images"))) == (said, helps)


def refused(words, hollow):
    try:
        words(hollow, About())
    except InputRefused:
        return True
    return False


@pytest.mark.parametrize("code", CODES)
def test_a_figure_that_is_kept_is_said(code):
    """Without it the words cannot be made, in one of the examples at least; and a reason without it is refused."""
    for name in FIGURES[code]:
        lacking = [{key: one for key, one in figures.items() if key != name} for of, figures, *_ in SAID if of == code]
        for figures in lacking:
            with pytest.raises(ValueError, match=name):
                Reason(code=code, figures=figures)
        hollow = [Reason.model_construct(code=code, figures=figures) for figures in lacking]
        assert any(refused(words, one) for one in hollow for words in (why, advice)), f"{name} of {code} is never said"


def test_figures_of_another_kind_are_refused():
    """A document that somebody changed."""
    with pytest.raises(InputRefused, match=MISSING):
        why(Reason(code="one-sided", figures={"examples": "many", "of": 3}), About())


@pytest.mark.parametrize("code, figures", [("Values are not asked.", {}), ("one-sided", {"examples": 1})])
def test_a_probe_names_a_code_and_all_its_figures(code, figures):
    with pytest.raises(InputRefused, match=r"(?s)a code of records\.reason.*why=.*advice="):
        reason(code, **figures)


def read(status="measured", **fields):
    return Reading(subject="one", says="the first", path="memory/influence/a", called="a", status=status, **fields)


QUANTITY = Quantity(value=0.5, unit="auc", interval=(0.4, 0.6), null=0.5, n=9)


@pytest.mark.parametrize("reading, said", [
    (read("not applicable", reason=reason("one-sided", examples=1, of=9)),
     "memory/influence of the first is not applicable: Seen by all members or by none: 1 of 9 rows."),
    (read("withheld", reason=reason("unbounded bits")), "memory/influence of the first is withheld: members pass through"),
    (read("failed", reason=reason("failed", error="it broke")), "memory/influence of the first is failed: it broke"),
    (read("missing", reason=reason("not measured")), "memory/influence of the first is missing: it was not measured"),
    (read(reason=reason("no quantity", name="a", nearest="aa")), "memory/influence of the first: it gives no a; nearest: aa"),
    (read(quantity=QUANTITY), ""),
])  # fmt: skip
def test_why_a_study_read_no_number(reading, said):
    abouts = {"one": About(nouns="rows")}
    assert re.match(re.escape(said), why_unread(reading, abouts["one"]))
    outcome = Outcome(says="s", outcome="withheld", rule="r", readings=(read(quantity=QUANTITY), reading), reason=None)
    assert why_withheld(outcome, abouts) == why_unread(reading, abouts["one"])


def test_why_an_expectation_is_withheld():
    held = Outcome(
        says="s", outcome="withheld", rule="r", readings=(read(quantity=QUANTITY),), reason=reason("undecided")
    )
    assert why_withheld(held, {}) == "the interval allows both"
    assert why_withheld(held.model_copy(update={"reason": None}), {}) == ""
