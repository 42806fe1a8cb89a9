"""Lists of issues from hand-made findings: listed where the finding and its verdict support it, else why not."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.records.facts import FactTable
from byheart.records.finding import Failed, Finding, NotApplicable
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.verdicts.issues import NAMED, RULES, Facts, View, issue_lists
from byheart.verdicts.rules import LabelsToCheck

N = 60
KINDS = list(RULES)


def share(value, low, high, null=0.0):
    return Quantity(value=value, unit="share", interval=(low, high), null=null, n=N)


def finding(probe, **more):
    return Finding(**{"probe": probe, "question": "By hand?", "quantities": {}, "reference": "here"} | more)


def facts(columns, kind="classes", planted=(), test=0, **findings):
    y = np.arange(N) % 2
    train = View(tuple(range(N)), np.arange(N), y, np.isin(np.arange(N), planted))
    views = {"train": train}
    if test:
        views["test"] = View(tuple(range(test)), np.arange(test), y[:test], np.zeros(test, bool))
    found = {f"memory/{name.replace('_', '-')}": one for name, one in findings.items()}
    return Facts(
        found, {f"memory/{name}": made for name, made in columns.items()}, views, lambda code: f"c{code}", kind
    )


def listed(given):
    return dict(zip(KINDS, issue_lists(given)))


def suspicious(interval, rows=(3, 5), planted=()):
    at = np.isin(np.arange(N), rows).astype(int)
    ones = np.ones(N)
    columns = {"worth_checking": at, "suspicion_rank": np.arange(N)[::-1], "predicted": ones, "votes": ones, "voters": ones,
               "held_out_bits": ones * 3, "seen_right": ones, "held_out_right": 0 * ones}  # fmt: skip
    found = finding(
        "memory/label-noise", quantities={"worth_checking_share": share(*interval)}, details={"baseline": "trees"}
    )
    return listed(facts({"label-noise": columns}, planted=planted, label_noise=found))["label worth checking"]


TIP, WITHHELD, PASSED = (0.05, 0.02, 0.09), (0.02, 0.005, 0.04), (0.004, 0.001, 0.008)


def test_labels_are_listed_where_the_verdict_says_that_there_are_more_than_clean_data_have():
    found = suspicious(TIP)
    assert found.ids == (5, 3)  # the most suspicious first
    assert found.answered
    assert found.labels == ("c1", "c1")
    assert found.figures["predicted"].values == ("c1.0", "c1.0")


@pytest.mark.parametrize("interval, outcome", [(WITHHELD, "withheld"), (PASSED, "passed")])
def test_labels_that_the_verdict_does_not_support_are_not_listed_and_it_says_so(interval, outcome):
    found = suspicious(interval)
    assert found.ids == ()
    assert found.judged.startswith(f"BH101 {outcome}. Worth checking:")


def test_where_no_label_of_the_data_is_suspicious_the_list_is_empty_and_answered():
    assert suspicious(PASSED, rows=()).answered
    found = suspicious(PASSED, rows=(3,), planted=(3,))
    assert found.issues() == []
    assert [issue.planted for issue in found.issues(planted=True)] == [True]


def copied(group, contradicts=None, measured=None, **details):
    group = np.asarray(group)
    columns = {"copy_group": group, "copies": np.bincount(group)[group] - 1}
    if contradicts is not None:
        columns["contradicts"] = np.asarray(contradicts).astype(int)
    quantities = {"duplicate_share": measured or share(0.2, 0.1, 0.3)}
    if contradicts is not None and columns["contradicts"].any():
        quantities["contradicting"] = Quantity(
            value=1, unit="pairs", interval=None, null=0, n=N, why_no_interval="exact"
        )
    return columns, finding("memory/duplicates", quantities=quantities, details=details)


def test_a_large_group_names_the_first_and_counts_all():
    columns, found = copied(np.zeros(N, int), np.zeros(N))
    made = listed(facts({"duplicates": columns}, duplicates=found))["duplicate"]
    assert made.n_others == (N - 1,) * N
    assert {len(others) for others in made.others} == {NAMED}
    assert all(one not in others for one, others in zip(made.ids, made.others))


def test_a_contradicting_copy_names_those_of_the_other_label_alone():
    group = np.arange(N)
    group[:5] = 0  # labels 0 1 0 1 0; the last is redrawn, so that it contradicts nobody
    contradicts = np.arange(N) < 4
    columns, found = copied(np.unique(group, return_inverse=True)[1], contradicts)
    made = listed(facts({"duplicates": columns}, duplicates=found, planted=(4,)))
    assert dict(zip(made["contradicting copy"].ids, made["contradicting copy"].others)) == {
        0: (1, 3), 1: (0, 2), 2: (1, 3), 3: (0, 2)
    }  # fmt: skip
    assert dict(zip(made["duplicate"].ids, made["duplicate"].others)) == {4: (0, 1, 2, 3)}
    assert [issue.planted for issue in made["duplicate"].issues()] == [False]


@pytest.mark.parametrize("measured, details, code", [
    (share(0.2, 0.1, 0.3, null=0.06), {}, "copies by chance"),
    (share(0.2, 0.1, 0.3), {"cells": 7}, "cells"),
])  # fmt: skip
def test_equal_inputs_that_are_no_copies_are_not_listed(measured, details, code):
    columns, found = copied(np.arange(N) // 2, np.ones(N), measured, **details)
    leaked = found.model_copy(update={"tables": {}})
    made = listed(facts({"duplicates": columns}, duplicates=leaked, test=3))
    for kind in ("contradicting copy", "duplicate"):
        assert (made[kind].ids, made[kind].reason.code) == ((), code)
    assert made["leaked into test"].answered  # there are none, by chance or not


def test_more_copies_than_chance_makes_are_listed():
    columns, found = copied(np.arange(N) // 2, np.zeros(N), share(0.2, 0.13, 0.3, null=0.06))
    assert len(listed(facts({"duplicates": columns}, duplicates=found))["duplicate"].ids) == N


def test_equal_rows_are_copies_where_chance_makes_near_ones_alone():
    """Rows 0 to 7 are equal in pairs, 0 and 1 of other labels; 8 to 11 are near. The labels alternate."""
    near, exact = np.arange(N), np.arange(N)
    near[:12], exact[:8] = np.arange(12) // 2, np.arange(8) // 2
    groups = [np.unique(one, return_inverse=True)[1] for one in (near, exact)]
    pairs, both = {*range(2, 8)}, {0, 1}
    cases = (
        ((0.0, 0.0), (0.0, 0.0), pairs, both), ((0.4, 0.001), (0.1, 0.01), pairs, both),
        ((0.5, 0.002), (0.1, 0.01), set(), both), ((0.3, 0.02), (0.1, 0.01), set(), both),
        ((0.0, 0.0), (0.2, 0.01), pairs, set()), ((0.0, 0.0), (0.1, 0.02), pairs, set()), ((None, None), (None, None), set(), set()),
    )  # fmt: skip
    for equal, unlike, rows, against in cases:
        names = ("exact_pairs", "contradicting_pairs")
        counted = {"exact_pairs": 4, "contradicting_pairs": 1}
        for name, (expected, rare) in zip(names, (equal, unlike)):
            counted |= {} if expected is None else {f"{name}_by_chance": expected, f"{name}_probability": rare}
        columns, found = copied(groups[0], (near < 1) | (near == 5), share(12 / N, 0.03, 0.3, null=0.06), **counted)
        columns["exact_group"] = groups[1]
        made = listed(facts({"duplicates": columns}, duplicates=found))
        assert {*made["duplicate"].ids} == rows
        assert {*made["contradicting copy"].ids} == against
        told = LabelsToCheck().judge({"memory/duplicates": found})
        assert told.outcome == ("issue" if against else "not applicable")


@pytest.mark.parametrize("measured, details, ids", [
    (share(0.9, 0.7, 0.97), {}, (0, 1)),
    (share(0.1, 0.0, 0.2), {"leaked_pairs": 6, "leaked_pairs_by_chance": 0.0, "leaked_pairs_probability": 0.0}, (1,)),
    (share(0.1, 0.0, 0.2), {"leaked_pairs": 6, "leaked_pairs_by_chance": 2.0, "leaked_pairs_probability": 0.02}, ()),
])  # fmt: skip
def test_what_leaked_is_held_against_its_own_share_and_not_that_of_copies_in_training(measured, details, ids):
    columns, found = copied(np.arange(N), np.zeros(N), share(0.0, 0.0, 0.02, null=0.001))
    table = FactTable(values={"new": [0, 1], "copy_of": [7, 3], "exact": [False, True]})
    quantities = {"duplicate_share": share(0.0, 0.0, 0.02, null=0.001), "leaked_share": measured}
    found = finding("memory/duplicates", quantities=quantities, tables={"leaked": table}, details=details)
    made = listed(facts({"duplicates": {**columns, "exact_group": np.arange(N)}}, duplicates=found, test=3))
    assert made["leaked into test"].ids == ids
    assert made["leaked into test"].answered == bool(ids)
    assert made["duplicate"].answered


def test_values_have_no_labels_to_contradict_and_no_threshold_of_memorised():
    columns, found = copied(np.arange(N) // 2)
    scores = {"score": np.arange(N), "rank": np.arange(N), "standard_error": np.ones(N)}
    given = facts({"duplicates": columns, "counterfactual": scores, "label-noise": {"suspicion_rank": np.arange(N)}}, "values",
                  duplicates=found, counterfactual=finding("memory/counterfactual"), label_noise=finding("memory/label-noise"))  # fmt: skip
    made = listed(given)
    assert len(made["duplicate"].ids) == N
    assert made["contradicting copy"].reason == made["label worth checking"].reason
    assert made["contradicting copy"].reason.figures == {"asked": "classes", "kind": "values"}
    assert made["memorised"].reason.code == "ranked alone"


def test_nothing_is_listed_of_a_finding_that_is_not_there():
    why = Reason(code="few examples", figures={"examples": 1, "needed": 2})
    answers = {
        "label_noise": NotApplicable(probe="memory/label-noise", question="Q?", reason=why),
        "counterfactual": finding("memory/counterfactual", status="withheld", withheld=why),
        "duplicates": Failed(probe="memory/duplicates", question="Q?", error="it broke"),
    }
    made = listed(facts({}, **answers))
    assert made["label worth checking"].reason == made["memorised"].reason == why
    assert made["duplicate"].reason == Reason(code="failed", figures={"error": "it broke"})
    assert made["exposed"].reason == Reason(code="not measured")
    assert not any(one.ids for one in made.values())


def test_exposed_are_those_that_the_attack_is_right_about():
    found = finding("memory/membership")
    columns = {"exposed": np.arange(N) < 3, "found_at_1_percent": np.linspace(1, 0, N)[::-1], "taken_at_1_percent": np.zeros(N),
               "risk": np.ones(N)}  # fmt: skip
    made = listed(facts({"membership": columns}, membership=found))["exposed"]
    assert made.ids == (2, 1, 0)  # the one that is found most often first
    assert made.figures["found_share"].unit == "share"


@pytest.mark.parametrize("tables, code, needed", [
    ({"levels": FactTable(values={"members_needed": (34,)})}, "few false alarms", 34),
    ({}, "few members", 8),
])  # fmt: skip
def test_nobody_is_exposed_where_the_attack_is_not_measured_at_1_percent(tables, code, needed):
    found = finding("memory/membership", tables=tables, details={"members": 4})
    made = listed(facts({"membership": {}}, membership=found))["exposed"]
    assert (made.ids, made.reason.code, made.reason.figures["needed"]) == ((), code, needed)


def test_a_leak_names_both_by_their_own_positions():
    """Positions of a hold-out: other numbers than those of rows."""
    columns, found = copied(np.arange(N), np.zeros(N))
    leaked = FactTable(values={"new": (7, 3), "copy_of": (40, 20), "exact": (True, False)})
    given = facts({"duplicates": columns}, duplicates=found.model_copy(update={"tables": {"leaked": leaked}}), test=3)
    places = {"train": 2 * np.arange(N)[::-1], "test": np.array([5, 3, 7])}
    views = {name: view._replace(ids=tuple(places[name].tolist()), positions=places[name]) for name, view in given.views.items()}
    made = listed(replace(given, views=views))["leaked into test"]
    assert (made.ids, made.positions, made.others) == ((7, 3), (7, 3), ((40,), (20,)))
    y = given.views["train"].y
    assert made.figures["label_of_copy"].values == tuple(f"c{y[N - 1 - place // 2]}" for place in (40, 20))
