"""Balances made by hand: one for each thing that the page and the lines of a balance can have to say."""

from __future__ import annotations

from byheart.records.balanced import BalancedRecord, Best, Tried
from byheart.records.quantity import Quantity

PAIRED = {"method": "paired", "n": 400}


def of(value, unit, half=0.02, null=0.0):
    return Quantity(value=value, unit=unit, interval=(value - half, value + half), null=null, **PAIRED)


def tried(name, value, memorised, held_out, gain, *, members=64, score="accuracy", unit="bits", **more):
    """A setting `name=value`; None of both is the recipe, from which it differs by 0.9 less `memorised` and so on."""
    words = () if name is None else (f"{name}={value}",)
    known = {
        "memorised": of(memorised, "share"), "held_out": of(held_out, score, 0.05, 0.5 if score == "accuracy" else None),
        "code": of(0.94 - gain, unit, 0.03, 1.0),
    }  # fmt: skip
    if name is not None:
        change = {"accuracy": "points"}.get(score, score)
        known |= {
            "gain": of(gain, unit, 0.01), "moved": of(memorised - 0.9, "points"),
            "held_out_gain": of(held_out - 0.6, change), "understood": of(gain, "points"),
        }  # fmt: skip
    title = "the recipe" if name is None else f"{name} {value}"
    setting = {} if name is None else {name: value}
    return Tried(setting=setting, words=words, title=title, members=members, cost=members / 100, **known | more)


def best_of(
    one, *, gain=None, moved=None, beats=True, probability=0.87, agreed=True, other="max_depth 5", score="accuracy"
):
    """The best setting with what fresh members say of it; of the recipe itself there is nothing to compare."""
    change = {"accuracy": "points"}.get(score, score)
    against = {} if gain is None else {
        "gain": gain, "moved": moved, "held_out_gain": of(0.118, change), "understood": of(0.13, "points"),
    }  # fmt: skip
    recipe = {"memorised": of(0.91, "share"), "held_out": of(0.61, score, null=0.5), "code": of(0.95, "bits")}
    return Best(
        title=one.title, setting=one.setting, words=one.words, probability=probability, beats=beats, agreed=agreed,
        by_half=(one.title, one.title if agreed else other), members=32, code=one.code, held_out=one.held_out,
        memorised=one.memorised, recipe=recipe, **against,
    )  # fmt: skip


def balance(frontier, best, *, kind="classes", noun=("row", "rows"), unit="bits", score="accuracy", **more):
    given = {
        "rungs": (8, 16, 64), "about": {"data": "d" * 64, "recipe": "r" * 16},
        "provenance": {
            "command": "byheart balance data.csv --target label --learner DecisionTreeClassifier --lever max_features=0.5 "
            "--try max_depth=2,5 --seed 0",
            "seed": 0, "versions": {"python": "3.11", "byheart": "1.0"}, "jobs": 2, "cpu_seconds": 12.3, "trainings": 520,
            "learner": {"name": "estimator", "cls": "DecisionTreeClassifier"},
        },
    }  # fmt: skip
    subject = {
        "title": "data.csv", "learner": "DecisionTreeClassifier", "kind": kind, "noun": noun[0], "nouns": noun[1],
        "n": 400, "unit": unit, "score": score, "share": 0.7,
    }  # fmt: skip
    return BalancedRecord(frontier=tuple(frontier), best=best, subject=subject, **given | more)


RECIPE = tried(None, None, 0.9, 0.6, 0.0)
SHALLOW = tried("max_depth", 2, 0.08, 0.72, 0.14, unbeaten=True)
LEAVES = tried("min_samples_leaf", 20, 0.2, 0.7, 0.11, members=16, unbeaten=False)
DEEP = tried("max_depth", 5, 0.35, 0.66, 0.05, members=8, unbeaten=False)


def beats():
    return balance(
        [RECIPE, SHALLOW, LEAVES, DEEP], best_of(SHALLOW, gain=of(0.136, "bits", 0.05), moved=of(-0.83, "points"))
    )


def nothing_beats():
    worse = [one.model_copy(update={"gain": of(-0.1, "bits")}) for one in (SHALLOW, LEAVES, DEEP)]
    return balance([RECIPE, *worse], best_of(RECIPE, beats=False, probability=0.999))


def memorises_less():
    gain = of(0.004, "bits", 0.02)
    return balance([RECIPE, SHALLOW, LEAVES], best_of(SHALLOW, gain=gain, moved=of(-0.83, "points"), beats=False))


def no_difference():
    gain = of(-0.004, "bits", 0.02)
    return balance([RECIPE, SHALLOW, LEAVES], best_of(SHALLOW, gain=gain, moved=of(0.001, "points"), beats=False))


def memorises_more():
    return balance([RECIPE, SHALLOW, LEAVES], best_of(SHALLOW, gain=of(0.2, "bits"), moved=of(0.04, "points")))


def halves_disagree():
    best = best_of(SHALLOW, gain=of(0.136, "bits", 0.05), moved=of(-0.83, "points"), agreed=False)
    return balance([RECIPE, SHALLOW, LEAVES, DEEP], best)


def halves_apart():
    """They disagree, and nothing beats the recipe."""
    found = no_difference()
    return found.model_copy(
        update={"best": found.best.model_copy(update={"agreed": False, "by_half": ("max_depth 2", "max_depth 5")})}
    )


def probability_unknown():
    best = best_of(SHALLOW, gain=of(0.136, "bits", 0.05), moved=of(-0.83, "points"), probability=None)
    return balance([RECIPE, SHALLOW, LEAVES], best)


def a_gap():
    lost = Tried(
        setting={"max_depth": 13}, words=("max_depth=13",), title="max_depth 13", failure="ValueError: unlucky"
    )
    found = beats()
    return found.model_copy(update={"frontier": (*found.frontier, lost), "notes": ("Budget 60 s: fewer members",)})


def twins():
    found = beats()
    twin = tried("ccp_alpha", 0.0001, 0.9, 0.6, 0.0, members=8, same_as="the recipe")
    return found.model_copy(update={"frontier": (*found.frontier, twin)})


def values():
    more = {"score": "r2", "unit": "r2"}
    recipe, flat = tried(None, None, 0.95, 0.04, 0.0, **more), tried("max_depth", 2, 0.1, 0.45, 0.41, **more)
    odd = tried("max_depth", 1, 0.2, -9.0, -9.1, unbeaten=False, members=8, **more)
    best = best_of(flat, gain=of(0.4, "r2", 0.1), moved=of(-0.8, "points"), score="r2")
    return balance([recipe, flat, odd], best, kind="values", unit="r2", score="r2")


def passages():
    recipe, half = tried(None, None, 0.05, 4.35, 0.0, score="bits"), tried("dropout", 0.5, 0.02, 4.2, 9.0, score="bits")
    best = best_of(half, gain=of(8.7, "bits", 2.0), moved=of(-0.03, "points"), score="bits")
    return balance([recipe, half], best, kind="tokens", noun=("passage", "passages"), score="bits")


def in_python():
    found = beats()
    return found.model_copy(update={"provenance": {**found.provenance, "command": "byheart.balance(...)"}})


ALL = {
    one.__name__: one
    for one in (
        beats, nothing_beats, memorises_less, no_difference, memorises_more, halves_disagree, halves_apart, probability_unknown, a_gap,
        twins, values, passages, in_python,
    )
}  # fmt: skip
