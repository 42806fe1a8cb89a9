"""Is an example there twice, in training or in the test? Exact and near copies, and what they hide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from byheart.maths.memorisation.coincidences import Coincidences, beyond_chance, coincidences
from byheart.maths.memorisation.duplicates import Copies, Leaks, contradicting, copies, leaks
from byheart.maths.memorisation.nearest_neighbours import NEIGHBOURS
from byheart.maths.statistics.new_examples import new_examples_interval, new_r2_interval
from byheart.probes.base import Assumption, Bank, Probe
from byheart.probes.heavy_tail import heavy_tail
from byheart.probes.intervals import estimate, share
from byheart.records.facts import Axis, Curve, FactTable, Ranked
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.formatting import with_article
from byheart.records.quantity import Quantity

SHUFFLES = 20  # of the null; fewer where they would cost more than so many products
PRODUCTS = 5e10
KINDS = "contradicting", "leaked", "within"  # of pairs
SHOWN = 4  # pairs of a kind
LEAST = 0.01  # distances below stand here in the curve

Rows = list[tuple[int, int]]  # pairs by row


class Duplicates(Probe):
    r"""Is an example there twice, in training or in the test?

    Exact copies have equal inputs, byte by byte. Near copies lie nearer to each other than chance would bring about
    once in twenty data sets of this size: d < u r_10, r_10 the distance to the tenth neighbour, u from the dimension of
    these very data. duplicate_share = training examples with a copy in training; leaked_share = new examples with a
    copy in training; contradicting = pairs of copies with different labels; and the test accuracy without what leaked.

    It asks the data and no model, so Rote and Oracle give the same answer: its ends are data all different (0) and all
    copies (1). Cost: O(n^2 d) products, capped; no training. Fails when: copies are shifted or turned, or more than
    nine near copies stand together. Reference: Barz and Denzler 2020, Do we train on test data? Purging CIFAR of
    near-duplicates, section 3; dimension: Levina and Bickel 2004, Maximum likelihood estimation of intrinsic dimension,
    eq. 8.

    Example:
        >>> Duplicates().chapter
        'memory'
    """

    name: ClassVar[str] = "memory/duplicates"
    version: ClassVar[int] = 11
    assumes: ClassVar[tuple[Assumption, ...]] = ()
    fewest_members: ClassVar[int] = 1
    poles: ClassVar[tuple[str, str]] = ("all different", "all copies")

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Shares of copies, contradicting labels, accuracy without leaked examples, and the pairs."""
        kept, pairs = bank.data.copies, pairs_of(bank)
        exact, sizes = (np.bincount(groups)[groups] for groups in (kept.exact, kept.groups))
        chance, by_chance = self._null(bank), _by_chance(bank)
        same = [pair for pair in pairs.contradicting if kept.exact[pair[0]] == kept.exact[pair[1]]]
        finding = self.finding(
            self._quantities(bank, pairs, chance),
            question=self.question.replace("an example", with_article(bank.noun(1))),
            headline="duplicate_share",
            poles=(Pole(name="All different", value=0.0), Pole(name="All copies", value=1.0)),
            curves=_curves(kept, exact > 1, pairs.leaks),
            ranked=_ranked(bank, pairs),
            tables={"leaked": _leaks(bank, pairs)} if pairs.leaked else {},
            details={
                "exact_copies": int((exact > 1).sum()),
                **_beyond("exact_pairs", int((exact - 1).sum()) // 2, by_chance.pairs),
                **_beyond("contradicting_pairs", len(same), by_chance.contradicting),
                **(_beyond("leaked_pairs", int(pairs.leaks.exact.sum()), by_chance.other) if pairs.leaks else {}),
                "near_copies": int((kept.copied & (exact == 1)).sum()),
                "examined": float(kept.examined), "threshold": kept.threshold, "neighbours": NEIGHBOURS,
                "dimension": kept.dimension if np.isfinite(kept.dimension) else None, "distance": _distance(bank),
                "cells": bank.data.grouping.cells,
                **{f"pairs_{name}": len(getattr(pairs, name)) for name in KINDS}, **_leaked(bank, pairs),
            },
        )  # fmt: skip
        return finding, {
            "copies": (sizes - 1).astype(np.int64), "copy_group": kept.groups.astype(np.int64),
            "exact_group": kept.exact.astype(np.int64),
            **({"contradicts": _contradicts(bank, pairs)} if _labelled(bank) else {}),
        }  # fmt: skip

    def _quantities(self, bank: Bank, pairs: Pairs, chance: float) -> dict[str, Quantity]:
        kept = bank.data.copies
        copied = share(kept.copied, kept.groups, chance, draws=int(kept.groups.max()) + 1, better="low")
        made = {"duplicate_share": copied}
        if _labelled(bank):
            made["contradicting"] = Quantity(
                value=len(pairs.contradicting), unit="pairs", interval=None, why_no_interval="exact", null=0.0,
                n=copied.n, better="low",
            )  # fmt: skip
        if pairs.leaks is None:
            return made
        leaked = pairs.leaks.source >= 0
        made["leaked_share"] = share(leaked, bank.data.new_copies, 0.0, better="low")
        return made | accuracies(bank, leaked)

    def _null(self, bank: Bank) -> float:
        """Share of copies when columns are shuffled among examples of a class, by order of ids."""
        train = bank.data.train
        if _distance(bank) != "columns":
            return 0.0
        train, rng = train.take(np.argsort(train.ids, kind="stable")), self.rng(bank, "null")
        x = train.x.reshape(len(train), -1).copy()
        y = train.y if _labelled(bank) else np.zeros(len(train), int)
        # classes in order of ids, so that their names play no part
        classes = [np.flatnonzero(y == label) for label in dict.fromkeys(y.tolist())]
        shares = []
        for _ in range(int(np.clip(PRODUCTS / (len(x) * x.size), 1, SHUFFLES))):
            for rows in classes:
                x[rows] = rng.permuted(x[rows], axis=0)
            shuffled = replace(bank.data, views={"train": replace(train, x=x.reshape(train.x.shape))})
            shares.append(copies(x, *shuffled.laid_out(), work=PRODUCTS).copied.mean())
        return float(np.mean(shares))


def _by_chance(bank: Bank) -> Coincidences:
    """Pairs of equal rows that a coarse table has by chance; parts of a date are no columns of their own."""
    data, output = bank.data, bank.data.output
    if _distance(bank) != "columns":
        return Coincidences(0.0, 0.0, 0.0)
    own = [place for place, column in enumerate(output.columns) if not column.of] or slice(None)
    views = {name: output.numbers(data.views[name].x).reshape(len(data.views[name]), -1)[:, own] for name in data.views}
    y = data.train.y if _labelled(bank) else np.zeros(len(data.train), int)
    return coincidences(views["train"], y, views.get("test"))


def _beyond(name: str, seen: int, expected: float) -> dict[str, float | int]:
    """What was seen, what chance brings, and the probability that it brings as many."""
    return {name: seen, f"{name}_by_chance": expected, f"{name}_probability": beyond_chance(seen, expected)}


class Pairs(NamedTuple):
    """Who copies whom, by row, the nearest first; each content by the row of its least id."""

    contradicting: Rows  # in training, with different labels
    leaked: Rows  # new row, training row
    within: Rows  # in training, the others
    leaks: Leaks | None


def pairs_of(bank: Bank) -> Pairs:
    """All pairs of copies, the nearest first, those of equal nearness by their ids."""
    data, kept, ids = bank.data, bank.data.copies, bank.data.train.ids
    by_id = np.argsort(ids, kind="stable")
    stands = np.zeros(int(kept.exact.max()) + 1, int)
    stands[kept.exact[by_id[::-1]]] = by_id[::-1]  # the least id of each content

    def by_ids(a: int, b: int) -> tuple[int, int]:
        return (int(a), int(b)) if ids[a] < ids[b] else (int(b), int(a))

    def close(pair: tuple[int, int]) -> tuple:
        same = kept.exact[pair[0]] == kept.exact[pair[1]]
        near = 0.0 if same else float(np.round(min(kept.ratio[pair[0]], kept.ratio[pair[1]]), 6))
        return near, int(ids[pair[0]]), int(ids[pair[1]])

    rest = by_id[stands[kept.exact[by_id]] != by_id]
    within = [by_ids(stands[kept.exact[row]], row) for row in rest]
    within += [by_ids(*stands[kept.exact[pair]]) for pair in kept.pairs]
    against = [by_ids(a, b) for a, b in contradicting(kept, data.train.y, by_id)] if _labelled(bank) else []
    against = [pair for pair in against if _as_they_came(bank, pair)]
    within = set(within) - set(against)
    known, leaked = None, []
    if "test" in data.views:
        test = data.views["test"]
        x = data.train.x, test.x
        if not data.output.passages:  # the test may be kept in another type
            x = map(data.output.numbers, x)
        known = leaks(*x, *data.laid_out("test"), kept)
        rows = np.flatnonzero(known.source >= 0)
        rows = rows[np.lexsort((test.ids[rows], np.round(known.ratio[rows], 6)))]
        leaked = [(int(row), int(stands[kept.exact[known.source[row]]])) for row in rows]
    return Pairs(sorted(against, key=close), leaked, sorted(within, key=close), known)


def _as_they_came(bank: Bank, pair: tuple[int, int]) -> bool:
    """Whether both labels are the data's own, and the two are copies rather than cells of a design."""
    rows = list(pair)
    planted = not bank.counted[rows].all() or bank.changed[rows].any()
    return not planted and len(set(bank.groups[rows].tolist())) == 1


def _contradicts(bank: Bank, pairs: Pairs) -> np.ndarray:
    """(n,) 1 where a copy carries another label, both as they came: the pairs, and all that equal either side."""
    exact, y = bank.data.copies.exact, bank.data.train.y
    sides = {(int(exact[row]), int(y[row])) for pair in pairs.contradicting for row in pair}
    came = bank.counted & ~bank.changed
    return np.array([own and one in sides for own, one in zip(came, zip(exact.tolist(), y.tolist()))], np.int64)


def _leaks(bank: Bank, pairs: Pairs) -> FactTable:
    """Every new example that is in training, by id, and the training example that it is a copy of."""
    new, old = np.array(pairs.leaked).T
    exact = pairs.leaks.exact[new]
    return FactTable(
        values={"new": bank.data.views["test"].ids[new], "copy_of": bank.data.train.ids[old], "exact": exact}
    )


def _labelled(bank: Bank) -> bool:
    """Whether the examples have labels that can contradict one another."""
    return bank.data.output.labelled


def _distance(bank: Bank) -> str:
    """What near copies are near in."""
    return bank.data.output.near_in


def _leaked(bank: Bank, pairs: Pairs) -> dict[str, int]:
    """How many new examples there are, and of those that leaked, how many exactly, and with another label."""
    if pairs.leaks is None:
        return {}
    new, old = bank.data.views["test"].y, bank.data.train.y
    other = sum(int(new[a]) != int(old[b]) for a, b in pairs.leaked) if _labelled(bank) else 0
    exactly = int(pairs.leaks.exact.sum())
    return {"new": len(new), "leaked_exactly": exactly, "leaked_with_another_label": other}


def _curves(kept: Copies, exact: np.ndarray, leaks: Leaks | None) -> dict[str, Curve]:
    """Distances to the nearest neighbour, of training and new examples; null: a cloud of that dimension, no copies."""
    if kept.threshold == 0.0:
        return {}
    x, null = np.geomspace(LEAST, 1.0, 61), ()
    if np.isfinite(kept.dimension):
        null = tuple((1 - (1 - x**kept.dimension) ** (NEIGHBOURS - 1)).tolist())
    ratios = {"training": np.where(exact, 0.0, kept.ratio)} | ({} if leaks is None else {"new": leaks.ratio})
    return {
        name: Curve(
            x_axis=Axis(name="distance over that to the tenth", unit="ratio"),
            y_axis=Axis(name="at most that far", unit="share"),
            x=tuple(x.tolist()), y=tuple((known[:, None] <= x).mean(0).tolist()), null=null,
        )
        for name, ratio in ratios.items()
        if len(known := ratio[~np.isnan(ratio)])
    }  # fmt: skip


def _ranked(bank: Bank, pairs: Pairs) -> dict[str, Ranked]:
    """The first pairs of each kind: one side, and beside it the training examples that it is a copy of."""
    kept, train, made = bank.data.copies, bank.data.train, {}
    for name in KINDS:
        if not (chosen := getattr(pairs, name)[:SHOWN]):
            continue
        rows, of = np.array(chosen).T
        exact = pairs.leaks.exact[rows] if name == "leaked" else kept.exact[rows] == kept.exact[of]
        view = "test" if name == "leaked" else "train"
        for key, side, one in ((name, rows, view), (f"{name}_copy_of", of, "train")):
            examples = bank.data.views["test"] if one == "test" else train
            label = {} if bank.data.output.passages else {"label": examples.y[side].tolist()}
            made[key] = Ranked(view=one, ids=examples.ids[side].tolist(), figures={"exact": exact.tolist(), **label})
    return made


def accuracies(bank: Bank, leaked: np.ndarray) -> dict[str, Quantity]:
    """The members' accuracy (R2, bits a token) on all new examples and on those that did not leak."""
    run, test, values = bank[bank.subject.bank()], bank.data.views["test"], bank.data.output.continuous
    out, n, made = run.members.unseen.sum(1), len(bank.data.train), {}
    if not out.all() or (values and heavy_tail(bank)):
        return {}
    name, facts = _measure(bank)
    for suffix, chosen in (("_with_leaked", np.ones(len(leaked), bool)), ("_without_leaked", ~leaked)):
        if chosen.sum() < 2 or (values and not test.y[chosen].var() > 0):
            continue
        outcome, groups = _outcome(bank, chosen), bank.data.new_copies[chosen]
        mean = (
            new_r2_interval(outcome, test.y[chosen], n, out, groups)
            if values
            else new_examples_interval(outcome, n, out, groups)
        )
        made[f"test_{name}{suffix}"] = estimate(mean, n=int(chosen.sum()), **facts)
    return made


def _measure(bank: Bank) -> tuple[str, dict[str, Any]]:
    """Accuracy for classes, R2 for values, bits a token for passages: name; unit, null and what is better."""
    if bank.data.output.labelled:
        return "accuracy", {"unit": "accuracy", "null": bank.data.most_frequent, "better": "high"}
    if bank.data.output.continuous:
        return "r2", {"unit": "r2", "null": 0.0, "better": "high"}
    pool = bank[bank.subject.bank()].views["train"].pool
    blind = float((pool[0, :, 0] / np.log(2) / _counted(bank.data.train.y)).mean())
    return "bits_a_token", {"unit": "bits", "null": blind, "better": "low"}


def _outcome(bank: Bank, chosen: np.ndarray) -> np.ndarray:
    """(m, q) at the end: right or wrong, squared error, bits a token."""
    view, y = bank[bank.subject.bank()].views["test"], bank.data.views["test"].y[chosen]
    if _labelled(bank):
        return view.correct[-1][:, chosen].astype(np.float64)
    loss = view.loss_nats[-1][:, chosen].astype(np.float64)
    return loss if bank.data.output.continuous else loss / np.log(2) / _counted(y)


def _counted(y: np.ndarray) -> np.ndarray:
    """(q,) tokens of a passage that are to be given; 1 where none is."""
    return np.maximum((y >= 0).sum(1), 1)
