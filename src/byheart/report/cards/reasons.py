"""Why there is no number, or what to know of one: a sentence for each code of `records.reason`, and what would help."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any

from byheart.errors import InputRefused
from byheart.records.claim import probe_of
from byheart.records.claim_result import Outcome, Reading
from byheart.records.formatting import number, percent
from byheart.records.reason import Reason, ReasonCode
from byheart.report.cards.base import About
from byheart.report.cards.ranking_reasons import RANKING

# a text with figures in braces (`:1` with one decimal, `:%1` as a share with one, `:e1` as 1.0e-03), or a choice of one
# by the figures
Words = str | Callable[[Mapping[str, Any]], str]


def why(reason: Reason, about: About) -> str:
    """The sentence on why there is no number.

    Example:
        >>> why(Reason(code="one-sided", figures={"examples": 1, "of": 1200}), About(nouns="images"))
        'Seen by all members or by none: 1 of 1,200 images.'
    """
    return _said(WORDS[reason.code][0], reason, about)


def advice(reason: Reason, about: About) -> str:
    """What would help; empty where nothing is known to.

    Example:
        >>> advice(Reason(code="no test set"), About())
        'Give a test set.'
    """
    return _said(WORDS[reason.code][1], reason, about)


def told(note: Reason | str | None, about: About) -> str:
    """The sentence of a note, empty for none; one that an older ledger holds is a sentence already."""
    return why(note, about) if isinstance(note, Reason) else note or ""


def why_unread(reading: Reading, about: About) -> str:
    """Why a study read no number of one of its subjects."""
    if reading.reason is None:
        return ""
    status = "" if reading.status == "measured" else f" is {reading.status}"
    return f"{probe_of(reading.path)} of {reading.says}{status}: {why(reading.reason, about)}"


def why_withheld(outcome: Outcome, subjects: Mapping[str, About]) -> str:
    """Why an expectation of a study was not judged, from what is known of its subjects; empty where it was."""
    for reading in outcome.readings:
        if reading.quantity is None:
            return why_unread(reading, subjects.get(reading.subject, About()))
    return why(outcome.reason, About()) if outcome.reason else ""


def _said(words: Words, reason: Reason, about: About) -> str:
    try:
        text = words if isinstance(words, str) else words(reason.figures)
        return _Written().vformat(text, (), {**reason.figures, "nouns": about.nouns})
    except (LookupError, TypeError, ValueError) as error:
        raise InputRefused(
            expected=f"the figures of the reason {reason.code!r}",
            came=f"others ({type(error).__name__}: {error})",
            do="Make the page with the byheart that wrote the document, or run the audit again.",
        ) from error


class _Written(Formatter):
    """Figures in braces, rounded as everywhere else; one without `:` as it is."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if not format_spec:
            return str(value)
        if format_spec[0] == "e":
            return f"{value:.{format_spec[1:]}e}"
        if format_spec[0] == "%":
            return percent(value, int(format_spec[1:]))
        return number(value, int(format_spec))


def _more_draws(figures: Mapping[str, Any]) -> str:
    if figures["named"] == "series":
        return "Give a longer series, or a shorter --window: its windows count by the block."
    if figures["named"] == "blocks":
        return "Give a longer series: rows in time count by the block; or --split random, if they are not in time."
    if figures["named"]:
        return "Give more groups, or finer ones; examples of one group count as one."
    return "Take out the copies (memory/duplicates lists them), or give more that differ."


def _members(figures: Mapping[str, Any]) -> str:
    return "One member was trained" if figures["members"] == 1 else "{members} members were trained"


def _apart(figures: Mapping[str, Any]) -> bool:
    return figures["groups"] < figures["values"]


def _values(figures: Mapping[str, Any]) -> str:
    apart = ", in {groups:0} groups (copies, named ones, blocks in time)," if _apart(figures) else ""
    return "the {values:0} values" + apart


def _clear_pair(figures: Mapping[str, Any]) -> str:
    if figures["members"] < figures["needed"]:
        return "about {needed:0} members would be needed: --members {needed}"
    return "nothing: {members:0} members are enough to show a pair of {threshold}, and none shows"


def _another_output(figures: Mapping[str, Any]) -> str:
    asked = [_KINDS.get(kind, kind) for kind in figures["asked"].split(", ")]
    return f"It is asked of {' and '.join(asked)}; these data hold {_KINDS.get(figures['kind'], figures['kind'])}."


def _instead(figures: Mapping[str, Any]) -> str:
    return {
        "retrain": "Ask for --also memory/effect:method=retrain.",
        "record": "Record your own loop with byheart.record, and ask path_credit.",
    }[figures["instead"]]


_KINDS = {
    "tokens": "text", "columns": "several values per example", "series": "series", "next step": "series in time",
    "embedding": "embeddings",
}  # fmt: skip
_TOGETHER = "Copies and groups are seen or left out together: of {examples:0} {nouns}, "
_COUNT = "they count as {effective:1} squared deviations, and R2 needs {needed:0}"

# why effects were not checked against retraining
CAUSES = {
    "too few members": "{members} members are too few",
    "one-sided halves": "half of the members leaves some {nouns} seen by all of them or by none",
    "members agree": "the members all say the same",
}
# why there is no number, and what would help
WORDS: dict[ReasonCode, tuple[Words, Words]] = {
    "one-sided": (
        "Seen by all members or by none: {examples:0} of {of:0} {nouns}.",
        "Train more members (--members), or give each a smaller --share.",
    ),
    "few members": (
        lambda figures: (
            f"{_members(figures)}: some {{nouns}} were left out by none of them, so nothing is said of single "
            "{nouns}."
        ),
        "Train {needed} members or more (--members {needed}).",
    ),
    "proxies alone": (
        lambda figures: (
            f"{_members(figures)}, which gives no memorisation scores to judge proxies by; what follows is a ranking "
            "by a proxy."
        ),
        "Train {needed} members or more (--members {needed}).",
    ),
    "few blocks": (
        lambda figures: (
            f"Subsets are blocks in time, and {_members(figures).lower()}: too few blocks to speak for the others."
        ),
        "Train {needed} members or more (--members {needed}).",
    ),
    "few draws": (
        "Copies count as one: {examples:0} {nouns} are worth {draws:1} draws, {needed:0} are needed.",
        _more_draws,
    ),
    "few groups": (
        lambda figures: (
            f"{_TOGETHER}only {{groups}} group{' is' if figures['groups'] == 1 else 's are'} left, and {{needed}} are "
            "needed."
        ),
        _more_draws,
    ),
    "large group": (
        _TOGETHER + "one group holds {share:%0} of them, and at most {most:%0} can be judged.",
        _more_draws,
    ),
    "uneven halves": (_TOGETHER + "the smaller half would hold {share:%0} of them, a third is needed.", _more_draws),
    "dependent groups": (_TOGETHER + "they count as {draws:1} draws, {needed:0} are needed.", _more_draws),
    "rare labels": (
        "Rare classes carry the label bits: the {labels:0} labels count as {effective:1}, and {needed} are needed to "
        "know shares of their bits. Of the rarest class there are {rarest:0}.",
        "Give more examples of the rare classes.",
    ),
    "heavy tail": (
        lambda figures: f"the largest of {_values(figures)} carry the variance: {_COUNT}",
        "audit a transformed target: --transform log or --transform rank; or give more examples",
    ),
    "few deviations": (
        lambda figures: f"{_values(figures)} are few: {_COUNT}",
        lambda figures: "give more examples" + (" of other groups, or a longer series" if _apart(figures) else ""),
    ),
    "unbounded bits": (
        "members pass through the values that they saw (squared error below a millionth of the variance), so the bits "
        "held by heart have no bound",
        "read the shares of the variance in complexity/description-length",
    ),
    "nobody left to judge": (
        "With {members} members nobody is left to judge some {nouns} when one member is set aside.",
        "Train more members: --members {needed}.",
    ),
    "no halves to compare": (
        "No two halves of the members have scores to compare: too few members, or nothing is memorised.",
        "Try more --members.",
    ),
    "no clear pair": ("no pair stands clear of chance with {members} members", _clear_pair),
    "no baseline": ("There is no baseline of another family to check the labels with.", ""),
    "uninformed": (
        "No label is listed: models of this recipe or of the baseline predict labels they have not seen no better than "
        "a blind guess, so what they predict is no evidence against a label.",
        "Try another learner, or give more examples; with groups, more groups.",
    ),
    "no test set": ("There are no new examples.", "Give a test set."),
    "small test set": ("An interval takes {needed} new examples, there are {examples}.", "Give a larger test set."),
    "on request": ("Only on request, for its cost.", "Ask for it: --also {probe}."),
    "not recorded": ("Its training is not made of steps that our loop could record ({learner}).", _instead),
    "nothing kept": (
        "It reads {keep} of the models, which are seen only where our own loop trains them ({learner}).",
        "Give the model itself: bh.audit(..., model=make_model).",
    ),
    "gaps alike": (
        "The gaps of the {models} models do not differ clearly, so nothing can be ranked by them.",
        "Give more test data, or compare more models: `--also generalization/measures`.",
    ),
    "no setting": ("It varies the setting {setting}, which {learner} does not have.", ""),
    "too few points": ("{points} of the settings could be trained; {needed} are needed.", ""),
    "another output": (_another_output, ""),
    "no table": ("Its examples are not rows of a table.", ""),
    "one phase": ("The training data come in one phase.", "`byheart audit in-phases` has two phases of digits."),
    "best loss unknown": ("The best possible loss on these data is not known.", ""),
    "nothing random": ("Every token follows from those before it: nothing need be held by heart.", ""),
    "no runs": ("None of the {members} models that it reads could be trained.", ""),
    "few examples": ("It takes {needed} examples, there are {examples}.", "Give more examples."),
    "undefined": ("Its numbers are not defined on these data: too little varies.", "Give more examples that differ."),
    "no epochs": ("It does not learn in epochs, or in too few: there is no order to see.", ""),
    "gradients need classes": ("Projected gradients need classes.", "Try method=unrolled."),
    "too few to check": (
        "With {members} members nothing can be checked against retraining.",
        "Train at least {needed}: --members 64.",
    ),
    "unchecked": (
        lambda figures: "the effects were not checked: " + CAUSES[figures["cause"]],
        "--members 64 would be enough",
    ),
    "no prediction": (
        "the effects do not predict what retrained models say",
        "more members may show a weak one; or another method: --also memory/effect:method={other}",
    ),
    "remainder": (
        "the credits do not add up: {share:%1} of what training changed is missing",
        "smaller steps would: training is too rough for its steps to be read along straight lines",
    ),
    "no secrets": ("No secrets were planted.", "For a text: byheart audit canaries plants some in Python's manual."),
    "no secrets held out": ("No secrets were planted, or none was held out.", ""),
    "too many secrets": (
        "The {possible:0} secrets that there could be were not all read.",
        "Ask for method=auto, or plant shorter secrets (a million possible ones at most).",
    ),
    "no logits": ("The model kept no logits of the secrets.", "Leave the sampler at temperature 1 and all tokens."),
    "unlike references": (
        "secrets never planted stand at {bits:2} bits where chance gives {chance:2}: what they are ranked among is not "
        "like them",
        "nothing: the references must be made like the secrets",
    ),
    "failed": ("{error}", ""),
    "not measured": ("it was not measured", ""),
    "no quantity": (lambda figures: "it gives no {name}" + ("; nearest: {nearest}" if figures["nearest"] else ""), ""),
    "no interval": ("{name} has no interval: {why}", ""),
    "several units": ("they are counted in {units}", ""),
    "recipe and run": ("one describes this run, the other the recipe", ""),
    "no null": ("it has no null", ""),
    "undecided": ("the interval allows both", ""),
    "small grid": ("measured at {measured:0} points of the grid, and it takes {needed:0}", "a grid of more values"),
    "not crossed": (
        "the level {level} may be crossed beyond the grid: at none of its values is all of an interval below it, or "
        "from none on above",
        "a grid that goes further, or more members",
    ),
    "peak at the end": (
        "the largest error may lie beyond the grid: it is at {at}, at an end of it",
        "a grid that goes further",
    ),
    "may be 0": (
        "at {sizes:0} of {of:0} sizes it may be 0 or less, first at {at}: it has no logarithm there, and leaving a "
        "point out would bend the law",
        "more members or larger sizes, which narrow the intervals",
    ),
    "no power law": (
        "it goes with no power of the size: the value at {at} lies a factor of {factor:2} off the nearest one, and its "
        "exponent changes by {bend:2} when the size doubles, more than the intervals allow",
        "a narrower range of sizes, or the survey dose, which asks whether it grows at all",
    ),
    "beyond the range": (
        "a law is carried from half the smallest size to twice the largest, {least} to {most}, and not to {at}",
        "larger or smaller sizes, measured",
    ),
    "few seeds": ("{seeds:0} seeds were trained; {needed:0} are needed.", "Ask for seeds={needed:0} or more."),
    "yours": ("the models on other subsets were not asked about what you gave", ""),
    "gone": ("the models trained on other subsets are not in the ledger; run the audit again", ""),
    "few models": ("only {models} models were trained on other subsets", ""),
    "models agree": ("all models trained on other subsets say the same of it", ""),
    "few on each side": ("too few models saw it, and too few did not, to compare among either", ""),
    "cut short": ("{why}; credit is for these {steps} steps", ""),
    "replay departs": ("replayed steps depart from the recorded ones by {share:e1} of the way gone", ""),
    "above tolerance": ("the remainder is {missed:e1} of the change, above the tolerance {tolerance:e1}", ""),
    "cells": (
        "The data have only {cells:0} distinct inputs, with differing targets: equal inputs are cells of a design, not "
        "copies.",
        "",
    ),
    "copies by chance": (
        "{share:%1} of the {nouns} have a copy, and chance alone makes {chance:%1}: the columns are too coarse to tell "
        "copies from coincidences.",
        "",
    ),
    "ranked alone": (
        lambda figures: (
            f"Scores of {_KINDS.get(figures['kind'], figures['kind'])} are ranked; none says where memorised begins."
        ),
        "The column memory/counterfactual/rank of `audit.examples()` has the ranking.",
    ),
    "few false alarms": (
        "Too few false alarms stand behind an attack at 1\u202f% of them.",
        "Train more members: --members {needed}.",
    ),
    "one training": ("it describes this one training, and a gate asks of the recipe", "more members"),
    "no network": (
        "A certificate is fitted around a network that byheart builds, and {learner} is none.",
        "Ask with a network: --learner mlp, or model= a function that makes a torch module.",
    ),
    "rows in time": (
        "Rows follow one another in time: a certificate needs independent draws.",
        "With --split random rows count as independent, if you know that they are.",
    ),
    "short series": (
        "Too few steps follow one another without a gap: {steps:0}.",
        "Give a longer series, or one without gaps.",
    ),
    "past unseen": (
        "In the last {steps:0} steps the next depends on those before it in a way that neither linear maps, products "
        "nor a kernel predict.",
        "Look at the series at another step of time, or with more channels.",
    ),
    "no cuts": (
        "There are {windows:0} test windows, and {needed:0} are needed to cut them.",
        "Give a longer series, or a larger --split.",
    ),
    "leaked series": (
        "{steps:0} of the {test:0} test steps are copies of training steps: a replay of the record would score there "
        "as the system itself.",
        "Test on another stretch of the series.",
    ),
    "large state": (
        "A window holds {numbers:0} numbers, and exponents are made of at most {most:0}.",
        "Give a shorter --window, or fewer channels.",
    ),
    "no orbit": (
        "Left to itself the model leaves every bound within {steps:0} steps.",
        "Look at dynamics/orbit: it says when.",
    ),
    "short window": (
        "Models get one step, or the task has no window that could be shorter.",
        "Give a longer --window.",
    ),
    "other": ("{why}", lambda figures: "{advice}" if figures.get("advice") else ""),
    **RANKING,
}
