"""Balanced: settings of levers tried on one recipe, what each costs and buys, and the best of them."""

from __future__ import annotations

from typing import Any

from byheart.records.quantity import Quantity
from byheart.records.spec import Record

Value = float | int | None


class Tried(Record):
    """One setting: a point of the frontier.

    Attributes:
        setting: lever or setting of the learner -> value; nothing is the recipe.
        words: the same as `--lever` takes them.
        title: in words.
        memorised: share of the label bits (of values: of the variance) that is memorised.
        held_out: accuracy where left out; of values R2, of passages bits a token.
        code: the criterion: bits an example where left out; of values R2.
        gain: by how much the criterion is better than the recipe's, paired; None of the recipe itself.
        held_out_gain: by how much `held_out` is better than the recipe's, paired.
        moved: by how much more is memorised than by the recipe, paired.
        understood: by how much more is understood, paired.
        members: on how many it was measured.
        cost: CPU seconds of its training.
        unbeaten: whether no other setting memorises less and is as good where left out; None where that is open.
        failure: why it could not be trained; it then has no numbers.
        same_as: the title of an earlier setting that trains the same models.
    """

    setting: dict[str, Value]
    words: tuple[str, ...] = ()
    title: str
    memorised: Quantity | None = None
    held_out: Quantity | None = None
    code: Quantity | None = None
    gain: Quantity | None = None
    held_out_gain: Quantity | None = None
    moved: Quantity | None = None
    understood: Quantity | None = None
    members: int = 0
    cost: float = 0.0
    unbeaten: bool | None = None
    failure: str = ""
    same_as: str = ""


class Best(Record):
    """Of what the two halves of the examples chose the setting of the shorter held-out code; its numbers are of fresh
    members, each half under the setting that the other half chose, and of the recipe as the best those of itself.

    Attributes:
        title: in words; `the recipe` where that is the best.
        setting: as `Tried` has it.
        words: as `--lever` takes them.
        probability: that it is the best of all tried, by the paired draws; None where draws are too few.
        beats: whether the interval of its gain over the recipe lies above 0.
        agreed: whether both halves chose the same.
        by_half: what each half chose, in words.
        members: fresh members behind the numbers.
        code: bits an example where left out; of values R2.
        held_out: accuracy, R2, bits a token where left out.
        memorised: share memorised.
        gain: the criterion's gain over the recipe, paired on fresh members.
        held_out_gain: the same of `held_out`.
        moved: what more is memorised than by the recipe.
        understood: what more is understood.
        recipe: code, held_out and memorised of the recipe's fresh members.
    """

    title: str
    setting: dict[str, Value]
    words: tuple[str, ...] = ()
    probability: float | None
    beats: bool
    agreed: bool
    by_half: tuple[str, str]
    members: int
    code: Quantity
    held_out: Quantity
    memorised: Quantity
    gain: Quantity | None = None
    held_out_gain: Quantity | None = None
    moved: Quantity | None = None
    understood: Quantity | None = None
    recipe: dict[str, Quantity] = {}


class MeasuredSetting(Record):
    """A setting of a balance as the document of an audit of the same subject has it.

    Attributes:
        setting: its title.
        tried: what was measured of it; of the best by fresh members.
        best: whether it is the best of those tried.
        beats: whether the best beats the recipe.
        agreed: whether both halves of the examples chose it; else each is read under the choice of the other.
        probability: that the best is the best.
        of: how many settings were tried.
        score: what `held_out` is: `accuracy`, `r2` or `bits` per token.
        noun: what an example is called.
        nouns: and several.
        command: the command that tried them.
    """

    setting: str
    tried: Tried
    best: bool
    beats: bool
    agreed: bool
    probability: float | None
    of: int
    score: str
    noun: str
    nouns: str
    command: str


class BalancedRecord(Record):
    """What `byheart balance` found; the lines, the page and `--json` are made from it alone.

    Attributes:
        frontier: every setting tried, the recipe first.
        best: the one to take.
        subject: what the data are: title, kind, nouns, n, unit and score of the criterion, learner.
        rungs: members at each, and how many settings went on them.
        about: keys of the data and of the recipe, by which `balance.toml` is known to be of this subject.
        fixed: levers that belong to the recipe, in words.
        notes: what a reader must know.
        provenance: command, seed, versions, seconds.
    """

    schema_version: int = 1
    frontier: tuple[Tried, ...]
    best: Best
    subject: dict[str, Any]
    rungs: tuple[int, ...]
    about: dict[str, str]
    fixed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: dict[str, Any] = {}
