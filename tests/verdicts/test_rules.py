"""The verdicts from hand-made findings: both sides of every threshold, withheld on it, absent without a finding."""

import pytest

from byheart.records.finding import Failed, Finding, NotApplicable
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.registry import find, names
from byheart.verdicts.memory_in_time import MoreMemory
from byheart.verdicts.rules import LabelsToCheck, MuchMemorised, Power
from byheart.verdicts.training import Overconfident, Overfitting, Underfitting


def q(value, low, high, unit="share", n=500, null=0.0):
    return Quantity(value=value, unit=unit, interval=(low, high), null=null, n=n)


def answers(probe, **quantities):
    return {probe: Finding(probe=probe, question="By hand?", headline=next(iter(quantities)), quantities=quantities, reference="here")}


def quadrant(*share, copies=0, baseline="logistic regression", duplicates=None, **more):
    found = answers("memory/label-noise", worth_checking_share=q(*share), **more)
    found["memory/label-noise"] = found["memory/label-noise"].model_copy(update={"details": {"baseline": baseline}})
    pairs = Quantity(value=copies, unit="pairs", interval=None, null=0, n=500, why_no_interval="exact")
    copied = {"duplicate_share": duplicates} if duplicates else {}
    return found | answers("memory/duplicates", contradicting=pairs, **copied)


def bits(low, high):
    return answers("complexity/description-length", memorised_bits_share=q((low + high) / 2, low, high))


def course(rise, fall=None, end=1.0, best=5.0, name="held_out_code", blind=1.7):
    """Who knows nothing pays `blind`; at the best epoch the recipe paid `end` less the rise."""
    found = {f"{name}_rise": q(*rise, "bits"), name: q(end, end, end, "bits", null=blind),
             "best_held_out_epoch": q(best, best, best, "epochs")}  # fmt: skip
    if fall:
        found["held_out_accuracy_fall"] = q(*fall, "points")
    return answers("complexity/description-length", **found)


def sharp(temperature, gain, raw=1.0, rise=None):
    found = {"held_out_temperature": q(temperature, temperature, temperature, "ratio"),
             "held_out_temperature_gain": q(*gain, "bits"), "held_out_raw_bits": q(raw, raw, raw, "bits")}  # fmt: skip
    if rise:
        found |= {"held_out_loss_rise": q(*rise, "nats"), "best_epoch": q(5.0, 5.0, 5.0, "epochs")}
    return answers("generalization/gap", **found)


def paid(low, high, best=2.0):
    found = {"paid_bits": q((low + high) / 2, low, high, "bits"), "best_window": q(best, best, best, "steps")}
    return answers("dynamics/window", **found)


def asked(of, low, high):
    found = bits(low, high)["complexity/description-length"]
    return {"complexity/description-length": found.model_copy(update={"details": {"of": of}})}


def beside(out, seen=(0.1, 0.05, 0.15), *, unit="accuracy", name="linear", held=0.7):
    """A recipe and one baseline: how much better the baseline is where left out and where seen."""
    found = {f"held_out_{unit}": q(held, held - 0.02, held + 0.02, "bits" if unit == "bits_a_token" else unit)}
    theirs = held + (-out[0] if unit == "bits_a_token" else out[0])
    found[f"{name}_held_out_{unit}"] = q(theirs, theirs - 0.02, theirs + 0.02, found[f"held_out_{unit}"].unit)
    found |= {f"{name}_held_out_lead": q(*out, "points"), f"{name}_train_lead": q(*seen, "points")}
    return answers("generalization/gap", **found)


@pytest.mark.parametrize("share, copies, outcome", [
    ((0.02, 0.0101, 0.03), 0, "tip"),
    ((0.02, 0.01, 0.03), 0, "withheld"),
    ((0.012, 0.009, 0.02), 0, "withheld"),
    ((0.005, 0.001, 0.01), 0, "withheld"),
    ((0.005, 0.001, 0.0099), 0, "passed"),
    ((0.5, 0.45, 0.55), 0, "tip"),  # however many: no model accuses
    ((0.0, 0.0, 0.005), 1, "issue"),
])  # fmt: skip
def test_bh101_labels_to_check(share, copies, outcome):
    assert LabelsToCheck().judge(quadrant(*share, copies=copies)).outcome == outcome


def test_bh101_is_an_issue_where_copies_contradict_each_other_even_without_a_list():
    alone = quadrant(0.1, 0.08, 0.12, copies=3)
    del alone["memory/label-noise"]
    found = LabelsToCheck().judge(alone)
    assert found.outcome == "issue"
    assert "3 pairs of copies carry different labels" in found.sentence
    assert "1 pair of copies carries different labels" in LabelsToCheck().judge(quadrant(0.1, 0.08, 0.12, copies=1)).sentence


def test_bh101_is_withheld_where_models_know_nothing_of_labels_they_have_not_seen():
    nothing = {"checking_accuracy": q(0.5, 0.4, 0.6, "accuracy", null=0.55)}
    found = LabelsToCheck().judge(answers("memory/label-noise", **nothing))
    assert found.outcome == "withheld"
    assert "right in 50.0\u202f% [40.0, 60.0], a guess at the most frequent class in 55.0\u202f%" in found.sentence
    copies = quadrant(0.1, 0.08, 0.12, copies=1) | answers("memory/label-noise", **nothing)
    assert LabelsToCheck().judge(copies).outcome == "issue"  # no model is needed to see it
    informed = quadrant(0.1, 0.08, 0.12, checking_accuracy=q(0.7, 0.6, 0.8, "accuracy", null=0.55))
    assert LabelsToCheck().judge(informed).outcome == "tip"


def test_bh102_says_why_more_than_all_can_be_memorised():
    more = "More than all: memory also makes up for what it gets wrong where left out."
    assert MuchMemorised().judge(bits(1.1, 1.3)).sentence.startswith(more)
    assert "More than all" not in MuchMemorised().judge(bits(0.9, 1.0)).sentence


@pytest.mark.parametrize("by_chance, outcome", [(0.0, "issue"), (0.0099, "issue"), (0.01, "tip"), (0.05, "tip")])
def test_bh101_calls_equal_rows_no_copies_where_chance_makes_as_many(by_chance, outcome):
    """Of a coarse table: its rows are of different things, and neither label needs to be wrong."""
    found = quadrant(0.1, 0.08, 0.12, copies=3, duplicates=q(0.03, 0.02, 0.05, null=by_chance))
    assert LabelsToCheck().judge(found).outcome == outcome


def test_bh101_gives_the_precision_of_planted_labels_or_offers_to_plant_some():
    plain = LabelsToCheck().judge(quadrant(0.1, 0.08, 0.12))
    assert "models of this recipe and logistic regression" in plain.sentence
    assert "--flip 0.05" in plain.sentence
    assert "They may be right." in plain.sentence
    assert plain.title == "50 labels are worth checking"
    planted = {"planted_precision": q(0.75, 0.6, 0.85, n=60), "planted_listed": q(0.9, 0.8, 0.95, n=50)}
    found = LabelsToCheck().judge(quadrant(0.1, 0.08, 0.12, **planted))
    held = "it holds 90.0\u202f% [80.0, 95.0] of the 50 labels that we changed"
    precise = "of all 60 labels listed then, 75.0\u202f% [60.0, 85.0] are ones that we changed."
    for share in ((0.1, 0.08, 0.12), (0.012, 0.009, 0.02), (0.0, 0.0, 0.005)):  # whatever the outcome
        found = LabelsToCheck().judge(quadrant(*share, **planted))
        assert f"{held}; {precise}" in found.sentence
        assert "--flip" not in found.sentence
    del planted["planted_precision"]
    assert f"{held}." in LabelsToCheck().judge(quadrant(0.1, 0.08, 0.12, **planted)).sentence
    assert not any(word in found.title + found.sentence for word in ("strange", "looks wrong", "look wrong"))


@pytest.mark.parametrize("low, high, outcome", [
    (0.11, 0.19, "tip"), (0.101, 0.15, "tip"), (0.099, 0.15, "withheld"), (0.05, 0.101, "withheld"),
    (0.03, 0.0999, "passed"), (0.0, 0.02, "passed"), (-0.01, 0.10, "withheld"), (0.10, 0.3, "withheld"), (0.3, 0.399, "tip"),
    (0.605, 0.894, "tip"), (-0.5, 0.09, "passed"),  # however wide
])  # fmt: skip
def test_bh102_much_memorised(low, high, outcome):
    assert MuchMemorised().judge(bits(low, high)).outcome == outcome


@pytest.mark.parametrize("low, high, outcome", [(0.2, 0.2999, "passed"), (0.2, 0.3001, "tip"), (0.0, 0.0, "passed"), (0.0, 0.6, "tip")])
def test_bh103_power_withholds_nothing(low, high, outcome):
    assert Power().judge(bits(low, high)).outcome == outcome


def test_bh103_leaves_the_remedy_to_the_card_that_knows_the_largest_source():
    found = Power().judge(bits(0.1, 0.3))
    assert "The card of complexity/description-length names the largest source" in found.sentence
    assert "would be needed" not in found.sentence


@pytest.mark.parametrize("of, what, noun", [
    ("labels", "label bits", "examples"), ("values", "bits of the values", "examples"),
    ("text", "bits of the text", "passages"),
])  # fmt: skip
def test_bh102_and_bh103_name_what_the_bits_are_of(of, what, noun):
    tip = MuchMemorised().judge(asked(of, 0.2, 0.24))
    assert tip.title == f"22.0\u202f% [20.0, 24.0] of the {what} are memorised"
    wide = Power().judge(asked(of, 0.1, 0.3))
    assert f"memorised share of the {what} is known to \u00b110.0 points from 500 {noun}" in wide.sentence


@pytest.mark.parametrize("rise, fall, outcome", [
    ((0.30, 0.2, 0.4), (0.02, 0.01, 0.03), "tip"),  # understood 1.0, of which 2 % are 0.02
    ((0.30, 0.0201, 0.6), (0.02, 0.0001, 0.03), "tip"),
    ((0.30, 0.0199, 0.6), (0.02, 0.01, 0.03), "withheld"),
    ((0.30, 0.2, 0.4), (0.02, 0.0, 0.03), "withheld"),
    ((0.30, 0.2, 0.4), (-0.02, -0.03, 0.0), "passed"),  # the code grew, and no decision is worse
    ((0.01, 0.005, 0.014), (0.02, 0.01, 0.03), "passed"),  # understood 0.71: less than 2 %
    ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), "passed"),
    ((0.30, 0.2, 0.4), None, "tip"),  # text has no accuracy
])  # fmt: skip
def test_bh104_overfitting_needs_code_and_accuracy(rise, fall, outcome):
    assert Overfitting().judge(course(rise, fall)).outcome == outcome


@pytest.mark.parametrize("rise, outcome", [
    ((0.30, 0.2, 0.4), "tip"), ((0.30, 0.0201, 0.6), "tip"), ((0.30, 0.0199, 0.6), "withheld"), ((0.01, 0.005, 0.014), "passed"),
    ((0.0, 0.0, 0.0), "passed"),
])  # fmt: skip
def test_bh104_on_values_is_judged_by_r2(rise, outcome):
    found = Overfitting().judge(course(rise, name="held_out_error"))
    assert found.outcome == outcome
    assert "R2 falls by" in found.sentence or not rise[0]


def test_bh104_names_the_epoch_and_what_is_lost():
    found = Overfitting().judge(course((0.3, 0.2, 0.4), (0.02, 0.01, 0.03)))
    assert found.title == "Overfitting since epoch 5"
    assert "grows by 0.30 bits [0.20, 0.40] per label and held-out accuracy falls by 2.0 points [1.0, 3.0]" in found.sentence
    gained = Overfitting().judge(course((0.3, 0.2, 0.4), (-0.0074, -0.02, 0.004))).sentence
    assert "held-out accuracy rises by 0.7 points [\u22120.4, 2.0]" in gained
    assert "per passage" in Overfitting().judge(course((0.3, 0.2, 0.4))).sentence
    assert Overfitting().judge(course((0.3, 0.2, 0.4), best=0.0)).title == "Overfitting from the start"


def test_bh104_judges_by_what_was_understood_and_not_by_noise_that_nobody_can_code():
    """30 % of labels wrong: of a bit 0.065 were understood, of which two thirds are lost; 2 % of the code are more."""
    assert Overfitting().judge(course((0.043, 0.018, 0.067), (0.06, 0.038, 0.083), end=0.978, blind=1.0)).outcome == "tip"
    clean = course((0.003, 0.002, 0.007), (0.002, 0.001, 0.004), end=0.072, blind=1.0)
    assert Overfitting().judge(clean).outcome == "passed"
    # who never understood anything loses whatever it loses
    assert Overfitting().judge(course((0.3, 0.001, 0.4), (0.06, 0.03, 0.08), end=2.0, blind=1.0)).outcome == "tip"


@pytest.mark.parametrize("temperature, gain, outcome", [
    (2.3, (0.2, 0.1, 0.3), "tip"),
    (2.3, (0.2, 0.0201, 0.3), "tip"),
    (2.3, (0.2, 0.02, 0.3), "withheld"),
    (2.3, (0.01, -0.01, 0.0199), "passed"),
    (0.4, (0.2, 0.1, 0.3), "passed"),  # too flat, which is not too sharp
])  # fmt: skip
def test_bh106_overconfident(temperature, gain, outcome):
    assert Overconfident().judge(sharp(temperature, gain)).outcome == outcome


def test_a_raw_loss_that_rises_alone_is_overconfidence_and_not_overfitting():
    rising = sharp(2.3, (0.2, 0.1, 0.3), rise=(0.3, 0.2, 0.4))
    still_learning = course((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), best=50.0)
    found = Overconfident().judge(rising | still_learning)
    assert Overfitting().judge(rising | still_learning).outcome == "passed"
    assert found.outcome == "tip"
    assert "A temperature of 2.30 would save 0.20 bits [0.10, 0.30] of 1.00 bits per held-out label" in found.sentence
    assert "Predicted classes stay the same. The held-out loss rises from epoch 5 on" in found.sentence
    assert found.sentence.endswith("no decision suffers.")
    small = (0.01, 0.005, 0.014)
    for rise, fall in (((0.3, 0.2, 0.4), (0.02, 0.01, 0.03)), ((0.3, 0.2, 0.4), (0.02, -0.01, 0.05)), (small, (0.02, 0.01, 0.03))):
        assert "no decision suffers" not in Overconfident().judge(rising | course(rise, fall)).sentence


@pytest.mark.parametrize("out, seen, outcome", [
    ((0.1, 0.0001, 0.2), (0.1, 0.0001, 0.2), "issue"),
    ((0.1, 0.0001, 0.2), (0.1, 0.0, 0.2), "tip"),  # better where left out, not surely where seen
    ((0.1, 0.0001, 0.2), (-0.3, -0.4, -0.2), "tip"),
    ((0.1, 0.0, 0.2), (0.1, 0.05, 0.2), "withheld"),
    ((-0.1, -0.2, 0.0), (0.1, 0.05, 0.2), "withheld"),
    ((-0.1, -0.2, -0.0001), (0.1, 0.05, 0.2), "passed"),  # worse where seen alone
])  # fmt: skip
@pytest.mark.parametrize("unit, name", [("accuracy", "neighbours"), ("accuracy", "linear"), ("r2", "ridge"), ("bits_a_token", "ngram")])
def test_bh105_a_simpler_model(out, seen, outcome, unit, name):
    assert Underfitting().judge(beside(out, seen, unit=unit, name=name)).outcome == outcome


def test_bh105_names_the_simpler_model_that_does_better():
    ridge = Underfitting().judge(beside((0.119, 0.05, 0.18), (-0.5, -0.6, -0.4), unit="r2", name="ridge", held=0.37))
    assert ridge.title == "A simpler model does better: ridge regression"
    assert "Held-out R2 0.370 [0.350, 0.390]; ridge regression: 0.489" in ridge.sentence
    assert "better by 11.9 points [5.0, 18.0]" in ridge.sentence
    text = Underfitting().judge(beside((0.68, 0.6, 0.7), (0.2, 0.1, 0.3), unit="bits_a_token", name="ngram", held=3.45))
    assert text.title == "Underfitting: worse than a 3-gram"
    assert "Per held-out token 3.45 bits" in text.sentence
    assert "a 3-gram: 2.77 bits" in text.sentence
    good = Underfitting().judge(beside((-0.1, -0.2, -0.05)))
    assert "better" in good.title
    assert "logistic regression" in good.sentence


def test_bh105_is_not_withheld_for_a_baseline_where_another_is_surely_better():
    maybe, better = beside((0.2, -0.1, 0.5), name="neighbours"), beside((0.1, 0.05, 0.2), (0, -0.1, 0.1), name="linear")
    both = {**maybe["generalization/gap"].quantities, **better["generalization/gap"].quantities}
    assert Underfitting().judge(answers("generalization/gap", **both)).outcome == "tip"


def test_bh201_names_what_is_needed_and_used_where_it_is_known():
    more = answers("dynamics/need", needed_steps=q(1, 1, 2, "steps")) | answers("dynamics/use", used_steps=q(9, 8, 9, "steps"))
    found = MoreMemory().judge(paid(0.05, 0.2) | more)
    assert found.outcome == "tip"
    assert found.sentence.startswith("Needed 1 step, used 9 steps, paid 0.12 bits [0.05, 0.20] a step: ")
    assert "--window 2" in found.sentence
    assert MoreMemory().judge(paid(0.05, 0.2, 1.0)).sentence.count("the last step alone") == 1


@pytest.mark.parametrize("name", names("verdict"))
def test_a_missing_finding_is_not_applicable(name):
    verdict = find("verdict", name)()
    question = {"probe": verdict.anchor, "question": "By hand?"}
    for findings in (
        {},
        {verdict.anchor: NotApplicable(**question, reason=Reason(code="no epochs"))},
        {verdict.anchor: Failed(**question, error="it broke")},
        answers(verdict.anchor, something_else=q(0.5, 0.4, 0.6)),
    ):
        found = verdict.judge(findings)
        assert found.outcome == "not applicable"
        assert "which this audit does not have" in found.sentence


CASES = {
    "BH101": [quadrant(0.1, 0.08, 0.12, copies=2), quadrant(0.1, 0.08, 0.12), quadrant(0.012, 0.009, 0.02), quadrant(0, 0, 0.009)],
    "BH102": [bits(0.11, 0.19), bits(0.05, 0.12), bits(0.0, 0.02)],
    "BH103": [bits(0.1, 0.12), bits(0.1, 0.9)],
    "BH104": [course((0.3, 0.2, 0.4), (0.1, 0.05, 0.2)), course((0.3, 0.0, 0.6), (0.1, 0.05, 0.2)), course((0.0, 0.0, 0.0))],
    "BH105": [beside((t, t - 0.1, t + 0.1), (s, s - 0.1, s + 0.1)) for t, s in ((0.2, 0.2), (0.2, -0.2), (0, 0), (-0.2, 0))],
    "BH201": [paid(0.05, 0.2), paid(0.0, 0.2), paid(-0.2, 0.0)],
    "BH106": [sharp(2.0, (0.2, 0.1, 0.3)), sharp(2.0, (0.2, 0.0, 0.3)), sharp(0.9, (0.0, 0.0, 0.0))],
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
