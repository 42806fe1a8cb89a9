"""The verdicts from hand-made findings: both sides of every threshold, withheld on it, absent without a finding."""

import pytest

from byheart.records.finding import Failed, Finding, NotApplicable
from byheart.records.quantity import Quantity
from byheart.registry import find, names
from byheart.verdicts.rules import MuchMemorised, Overfitting, TooWide, Underfitting, WrongLabels


def q(value, low, high, unit="share", n=500):
    return Quantity(value=value, unit=unit, interval=(low, high), null=0.0, n=n, how="by hand")


def answers(probe, **quantities):
    return {probe: Finding(probe=probe, question="By hand?", headline=next(iter(quantities)), quantities=quantities, reference="here")}


def quadrant(strange, fitted, **more):
    return answers("memory/quadrant", strange_share=q(*strange), strange_fitted=q(*fitted, n=40), **more)


def bits(low, high):
    return answers("complexity/bits", memorised_bits_share=q((low + high) / 2, low, high))


def course(rise, last=1.0, best=5.0, **more):
    return answers(
        "generalization/gap", held_out_loss_rise=q(*rise, "nats"), held_out_loss=q(last, last, last, "nats"),
        best_epoch=q(best, best, best, "epochs"), **more,
    )  # fmt: skip


def asked(what, low, high):
    found = bits(low, high)["complexity/bits"]
    question = f"How many of the {what} are understood, memorised, left?"
    return {"complexity/bits": found.model_copy(update={"question": question})}


def spoken(train, held, seen, unseen):
    """Bits a token of the model and of the 3-gram, where seen and where left out, each to a tenth."""
    given = {"train": train, "held_out": held, "ngram_train": seen, "ngram_held_out": unseen}
    found = {f"{name}_bits_a_token": q(value, value - 0.1, value + 0.1, "bits") for name, value in given.items()}
    return answers("generalization/gap", **found)


def rivals(train, held, *, unit="accuracy", neighbours=((1, 1, 1), (0.8, 0.78, 0.82)), ridge=None):
    found = {f"train_{unit}": q(*train, unit), f"held_out_{unit}": q(*held, unit)}
    for name, sides in (("neighbours", neighbours), ("ridge", ridge)):
        if sides:
            found |= {f"{name}_train_{unit}": q(*sides[0], unit), f"{name}_held_out_{unit}": q(*sides[1], unit)}
    return answers("generalization/gap", **found)


@pytest.mark.parametrize("strange, fitted, outcome", [
    ((0.10, 0.08, 0.12), (0.9, 0.8, 0.95), "issue"),
    ((0.10, 0.08, 0.12), (0.7, 0.51, 0.8), "issue"),
    ((0.10, 0.08, 0.12), (0.6, 0.49, 0.7), "withheld"),
    ((0.10, 0.08, 0.12), (0.4, 0.3, 0.51), "withheld"),
    ((0.10, 0.08, 0.12), (0.4, 0.3, 0.49), "passed"),
    ((0.012, 0.009, 0.02), (0.9, 0.8, 0.95), "withheld"),
    ((0.012, 0.0101, 0.02), (0.9, 0.8, 0.95), "issue"),
    ((0.005, 0.001, 0.011), (0.9, 0.8, 0.95), "withheld"),
    ((0.005, 0.001, 0.0099), (0.9, 0.8, 0.95), "passed"),
    ((0.005, 0.001, 0.011), (0.1, 0.0, 0.2), "passed"),
])  # fmt: skip
def test_bh101_wrong_labels(strange, fitted, outcome):
    assert WrongLabels().judge(quadrant(strange, fitted)).outcome == outcome


def test_bh101_says_which_share_is_in_doubt_and_what_was_planted():
    share = WrongLabels().judge(quadrant((0.012, 0.009, 0.02), (0.9, 0.8, 0.95)))
    assert "look strange" in share.sentence
    planted = q(0.75, 0.6, 0.85, n=40)
    found = WrongLabels().judge(quadrant((0.1, 0.08, 0.12), (0.9, 0.8, 0.95), planted_found=planted))
    assert "30 of these 40 we planted ourselves" in found.sentence
    assert "90.0\u202f% [80.0, 95.0]" in found.sentence


@pytest.mark.parametrize("low, high, outcome", [
    (0.11, 0.19, "tip"), (0.101, 0.15, "tip"), (0.099, 0.15, "withheld"), (0.05, 0.101, "withheld"),
    (0.03, 0.0999, "passed"), (0.0, 0.02, "passed"), (-0.01, 0.10, "withheld"), (0.3, 0.41, "withheld"), (0.3, 0.399, "tip"),
])  # fmt: skip
def test_bh102_much_memorised(low, high, outcome):
    assert MuchMemorised().judge(bits(low, high)).outcome == outcome


@pytest.mark.parametrize("low, high, outcome", [(0.2, 0.2999, "passed"), (0.2, 0.3001, "withheld"), (0.0, 0.0, "passed"), (0.0, 0.6, "withheld")])
def test_bh103_too_wide(low, high, outcome):
    assert TooWide().judge(bits(low, high)).outcome == outcome


def test_bh103_says_how_many_examples_would_do():
    assert "About 2,000 examples would do" in TooWide().judge(bits(0.1, 0.3)).sentence


@pytest.mark.parametrize("what, noun", [
    ("label bits", "examples"), ("bits of the values", "examples"), ("bits of the text", "passages"),
])  # fmt: skip
def test_bh102_and_bh103_name_what_the_bits_are_of(what, noun):
    tip = MuchMemorised().judge(asked(what, 0.2, 0.24))
    assert tip.title == f"22.0\u202f% [20.0, 24.0] of the {what} are memorised"
    wide = TooWide().judge(asked(what, 0.1, 0.3))
    assert f"memorised share of the {what} is known to \u00b110.0 points from 500 {noun}" in wide.sentence
    assert f"About 2,000 {noun} would do" in wide.sentence


@pytest.mark.parametrize("low, high", [(0.3, 0.5), (0.15, 0.26), (0.05, 0.2), (0.0, 0.11)])
def test_bh102_is_withheld_wherever_bh103_is(low, high):
    assert TooWide().judge(bits(low, high)).outcome == "withheld"
    assert "BH103" in MuchMemorised().judge(bits(low, high)).sentence


@pytest.mark.parametrize("rise, outcome", [
    ((0.30, 0.2, 0.4), "tip"),  # smallest 0.7, of which 2 % are 0.014
    ((0.30, 0.0141, 0.6), "tip"),
    ((0.30, 0.0139, 0.6), "withheld"),
    ((0.30, -0.1, 0.7), "withheld"),
    ((0.01, 0.005, 0.03), "withheld"),
    ((0.01, 0.005, 0.015), "passed"),
    ((0.0, 0.0, 0.0), "passed"),
])  # fmt: skip
def test_bh104_overfitting(rise, outcome):
    assert Overfitting().judge(course(rise)).outcome == outcome


def test_bh104_names_the_epoch_and_what_stopping_would_give():
    accuracies = {"best_epoch_test_accuracy": q(0.84, 0.82, 0.86, "accuracy"), "test_accuracy": q(0.81, 0.79, 0.83, "accuracy")}
    found = Overfitting().judge(course((0.3, 0.2, 0.4), **accuracies))
    assert found.title == "Overfitting since epoch 5"
    assert "84.0\u202f% of new examples are right, against 81.0\u202f% at the end" in found.sentence
    assert Overfitting().judge(course((0.3, 0.2, 0.4), best=0.0)).title == "Overfitting from the start"


@pytest.mark.parametrize("train, held, outcome", [
    ((0.7, 0.68, 0.72), (0.6, 0.58, 0.62), "issue"),
    ((0.7, 0.68, 0.72), (0.77, 0.75, 0.779), "issue"),
    ((0.7, 0.68, 0.72), (0.77, 0.75, 0.79), "withheld"),
    ((0.99, 0.97, 1.0), (0.6, 0.58, 0.62), "withheld"),
    ((0.7, 0.68, 0.72), (0.81, 0.79, 0.83), "passed"),
    ((1.0, 1.0, 1.0), (0.6, 0.58, 0.62), "passed"),
])  # fmt: skip
def test_bh105_underfitting(train, held, outcome):
    assert Underfitting().judge(rivals(train, held)).outcome == outcome


def test_bh105_names_the_rival_that_is_better():
    held, ridge = (0.5, 0.45, 0.55), ((0.9, 0.89, 0.91), (0.85, 0.8, 0.88))
    weak = ((1, 1, 1), (0.2, 0.1, 0.3))
    found = Underfitting().judge(rivals((0.6, 0.55, 0.65), held, unit="r2", neighbours=weak, ridge=ridge))
    assert found.outcome == "issue"
    assert found.title == "Underfitting: worse than ridge regression"
    good = Underfitting().judge(rivals((0.95, 0.94, 0.96), (0.9, 0.89, 0.91), unit="r2", neighbours=weak, ridge=ridge))
    assert good.outcome == "passed"
    assert "R2" in good.sentence
    assert "ridge regression" in good.sentence


@pytest.mark.parametrize("train, held, seen, unseen, outcome", [
    (3.0, 3.2, 2.4, 2.7, "issue"),
    (3.0, 2.85, 2.4, 2.7, "withheld"),  # the intervals overlap
    (3.0, 2.6, 2.4, 2.7, "passed"),  # worse where seen alone
    (2.0, 3.2, 2.4, 2.7, "passed"),  # worse where left out alone
    (2.0, 2.2, 2.4, 2.7, "passed"),
])  # fmt: skip
def test_bh105_needs_fewer_bits_of_text_than_counts_of_tokens(train, held, seen, unseen, outcome):
    found = Underfitting().judge(spoken(train, held, seen, unseen))
    assert found.outcome == outcome
    assert f"Where left out it needs {held:.2f}" in found.sentence
    assert "a 3-gram" in found.sentence


@pytest.mark.parametrize("name", names("verdict"))
def test_a_missing_finding_is_not_applicable(name):
    verdict = find("verdict", name)()
    question = {"probe": verdict.anchor, "question": "By hand?"}
    for findings in (
        {},
        {verdict.anchor: NotApplicable(**question, reason="values")},
        {verdict.anchor: Failed(**question, error="it broke")},
        answers(verdict.anchor, something_else=q(0.5, 0.4, 0.6)),
    ):
        found = verdict.judge(findings)
        assert found.outcome == "not applicable"
        assert "which this audit does not have" in found.sentence


CASES = {
    "BH101": [quadrant((0.1, 0.08, 0.12), (f, f - 0.1, f + 0.05)) for f in (0.9, 0.5, 0.2)],
    "BH102": [bits(0.11, 0.19), bits(0.05, 0.12), bits(0.0, 0.02)],
    "BH103": [bits(0.1, 0.12), bits(0.1, 0.9)],
    "BH104": [course((0.3, 0.2, 0.4)), course((0.3, 0.0, 0.6)), course((0.0, 0.0, 0.0))],
    "BH105": [rivals((t, t - 0.01, t), (h, h - 0.02, h + 0.02)) for t, h in ((0.7, 0.6), (0.99, 0.79), (1.0, 0.9))],
}


@pytest.mark.parametrize("name", names("verdict"))
def test_every_judgement_carries_code_threshold_and_source(name):
    verdict = find("verdict", name)()
    seen = set()
    for findings in CASES[name]:
        found = verdict.judge(findings)
        seen.add(found.outcome)
        assert (found.code, found.anchor, found.threshold, found.source) == (name, verdict.anchor, verdict.threshold, verdict.source)
        assert all((found.title, found.sentence, found.threshold, found.source))
        assert found.sentence.endswith(".")
    assert len(seen) == len(CASES[name])


@pytest.mark.parametrize("name", names("verdict"))
def test_judging_is_pure(name):
    verdict = find("verdict", name)()
    for findings in CASES[name]:
        before = {probe: answer.model_dump_json() for probe, answer in findings.items()}
        assert verdict.judge(findings) == verdict.judge(findings)
        assert {probe: answer.model_dump_json() for probe, answer in findings.items()} == before
