"""Is an example there twice, in training or in the test? Exact and near copies, and what they hide."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from byheart.maths.duplicates import NEIGHBOURS, Copies, Leaks, contradicting, exact_groups, leaks
from byheart.maths.intervals import new_examples_interval
from byheart.maths.statistics import wilson
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.records.chart import Axis, Chart, Line, Rule, Table
from byheart.records.figures import count, interval_text, number, percent, value_text, with_article
from byheart.records.finding import Exhibit, ExhibitGroup, Exhibits, Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity

SHOWN = 4  # pairs a row
LEAST = 0.01  # left end of the chart; exact copies stand there


class _Found(NamedTuple):
    """Copies within training, and of new examples; pairs by row, each content by the row of its least id."""

    copies: Copies
    leaks: Leaks | None
    within: list[tuple[int, int]]
    against: list[tuple[int, int]]
    leaked: list[tuple[int, int]]  # new row, training row
    disagree: int  # of the leaked, those with another label than their copy


class Duplicates(Probe):
    r"""Is an example there twice, in training or in the test?

    Exact copies have equal inputs, byte by byte. Near copies lie nearer to each other than chance would bring about
    once in twenty data sets of this size: d < u r_10, r_10 the distance to the tenth neighbour, u from the dimension of
    these very data. duplicate_share = training examples with a copy in training; leaked_share = new examples with a
    copy in training; contradicting = pairs of copies with different labels; and the test accuracy without what leaked.

    It asks the data and no model, so Rote and Oracle give the same answer: its ends are data all different (0) and all
    copies (1). Cost: O(n^2 d) products, capped; no training. Fails when: copies are shifted or turned, or more than
    nine near copies stand together. Reference: Barz and Denzler 2020, Do we train on test data?, section 3; dimension:
    Levina and Bickel 2004, eq. 8.

    Example:
        >>> Duplicates().chapter
        'memory'
    """

    name: ClassVar[str] = "memory/duplicates"
    question: ClassVar[str] = "Is an example there twice, in training or in the test?"
    reference: ClassVar[str] = (
        "Barz and Denzler 2020, Do we train on test data? Purging CIFAR of near-duplicates, section 3; dimension: "
        "Levina and Bickel 2004, Maximum likelihood estimation of intrinsic dimension, eq. 8"
    )
    poles: ClassVar[tuple[str, str]] = ("all different", "all copies")

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank, for the accuracy without what leaked."""
        return (subject.bank(),)

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Shares of copies, contradicting labels, accuracy without leaked examples, and the pairs."""
        found = _search(bank)
        kept = found.copies
        quantities = self._quantities(bank, found)
        sizes = np.bincount(kept.groups)[kept.groups]
        share = quantities["duplicate_share"]
        finding = Finding(
            probe=self.name,
            question=self.question.replace("an example", f"{_article(bank.noun(1))} {bank.noun(1)}"),
            headline="duplicate_share",
            says=f"of the training {bank.noun()} have a copy among the training {bank.noun()}",
            quantities=quantities,
            poles=(Pole(name="All different", value=0.0), Pole(name="All copies", value=1.0)),
            facts=(("speaks of", "these data"),),
            body=self._body(bank, found, quantities),
            charts=_charts(bank, found, share),
            exhibits=_exhibits(bank, found),
            how=self._how(bank, found),
            reference=self.reference,
        )
        return finding, {"copies": (sizes - 1).astype(np.int64), "copy_group": kept.groups.astype(np.int64)}

    def _quantities(self, bank: Bank, found: _Found) -> dict[str, Quantity]:
        kept, n = found.copies, len(bank.data.train)
        groups, share = int(kept.groups.max()) + 1, float(kept.copied.mean())
        made = {
            "duplicate_share": Quantity(
                value=share, unit="share", interval=tuple(wilson(share * groups, groups)), null=self._null(bank), n=n,
                better="low",
                how=f"training examples with an exact or near copy in training; interval: Wilson, {count(groups)} "
                "groups of copies for that many draws; null: exact copies when each column is shuffled within its "
                "class"
                + ("" if bank.data.output.show == "row" else ", none for pictures and sequences"),
            )
        }  # fmt: skip
        if bank.data.output.kind == "classes":
            made["contradicting"] = Quantity(
                value=len(found.against), unit="pairs", interval=None, null=0.0, n=n, better="low",
                how="pairs of different labels on copies; no interval: counted; null: copies agree",
            )  # fmt: skip
        if found.leaks is None:
            return made
        leaked = found.leaks.source >= 0
        made["leaked_share"] = Quantity(
            value=float(leaked.mean()), unit="share", interval=tuple(wilson(int(leaked.sum()), len(leaked))), null=0.0,
            n=len(leaked), better="low",
            how="new examples with an exact or near copy in training; interval: Wilson; null: 0, the two are disjoint",
        )  # fmt: skip
        return made | _accuracies(bank, leaked)

    def _null(self, bank: Bank) -> float:
        """Share of exact copies when each column is shuffled among the examples of a class, by order of ids."""
        train, output = bank.data.train, bank.data.output
        if output.kind == "tokens" or output.show in ("image", "photograph"):
            return 0.0
        by_id = np.argsort(train.ids, kind="stable")
        x, rng = train.x[by_id].reshape(len(train), -1).copy(), self.rng(bank, "null")
        y = train.y[by_id] if output.kind == "classes" else np.zeros(len(train), int)
        for label in dict.fromkeys(y.tolist()):  # in order of ids, so that the names of classes play no part
            x[y == label] = rng.permuted(x[y == label], axis=0)
        group = exact_groups(x)
        return float((np.bincount(group)[group] > 1).mean())

    def _body(self, bank: Bank, found: _Found, quantities: dict[str, Quantity]) -> tuple[str, ...]:
        kept, sentences = found.copies, []
        exact = np.bincount(kept.exact)[kept.exact] > 1
        if kept.copied.any():
            near = int((kept.copied & ~exact).sum())
            sentences.append(
                f"Exact copies of another: {count(int(exact.sum()))}; near copies only: {count(near)}. Exact ones "
                "count as one in every interval, near ones too in the bit budget."
            )
        else:
            sentences.append(f"No training {bank.noun(1)} is a copy of another, exactly or nearly.")
        if "contradicting" in quantities and kept.copied.any():
            n = len(found.against)
            sentences.append(
                f"Copies with different labels: {count(n)} {'pair' if n == 1 else 'pairs'}; no model can be right on "
                "both."
                if n
                else "Copies agree in their labels."
            )
        if found.leaks is not None:
            leaked = int((found.leaks.source >= 0).sum())
            n, new = len(found.leaks.source), bank.noun()
            other = found.disagree
            sentences.append(
                f"Of the {count(n)} new {new}, {count(leaked)} {'has' if leaked == 1 else 'have'} a copy in training, "
                f"{count(int(found.leaks.exact.sum()))} exactly."
                + (f" Of these {count(other)} with another label." if other else "")
                if leaked
                else f"None of the {count(n)} new {new} has a copy in training."
            )
            unit = "accuracy" if bank.data.output.kind == "classes" else "r2"
            clean, whole = quantities.get(f"test_{unit}_without_leaked"), quantities.get(f"test_{unit}")
            if leaked and clean and whole:
                what = "Accuracy" if unit == "accuracy" else "R2"
                sentences.append(
                    f"{what} on new {new} without these: {value_text(clean)} {interval_text(clean)}; with them "
                    f"{value_text(whole)}."
                )
            elif leaked:
                sentences.append("Nothing new is left to measure accuracy on." if leaked == n else "")
        if kept.examined < 1:
            sentences.append(
                f"Near copies were looked for among {percent(kept.examined, 0)} of the {bank.noun()}, against all; "
                "exact ones among all."
            )
        return tuple(sentence for sentence in sentences if sentence)

    def _how(self, bank: Bank, found: _Found) -> tuple[str, ...]:
        kept, output = found.copies, bank.data.output
        if output.kind == "tokens":
            laid = "which runs of five tokens occur; distance from the cosine"
        elif output.show in ("image", "photograph"):
            laid = "pixels less their mean, over their norm, so that brightness and contrast do not count"
        else:
            laid = "columns over their standard deviation; a category counts 1 where two differ, a missing cell too"
        dimension = f"{number(kept.dimension, 1)} dimensions" if np.isfinite(kept.dimension) else "no dimension (ties)"
        return (
            f"Exact: equal bytes. Near: {laid}; i copies j if their distance is below {number(kept.threshold, 2)} of "
            f"the distance from i to its tenth neighbour. Neighbours spread here as in {dimension}, where chance "
            f"brings 0.05 such pairs among all {count(len(kept.groups))} {bank.noun()}; the ratio is at most 0.5.",
            "The question is about the data: no model is asked but for the accuracy without what leaked. All different "
            "0, all copies 1.",
            f"Fails when copies are shifted or turned, or more than {NEIGHBOURS - 1} near copies stand together. "
            "Cost: all distances once, no training.",
        )


def _search(bank: Bank) -> _Found:
    data, kept = bank.data, bank.data.copies
    by_id = np.argsort(data.train.ids, kind="stable")
    stands = np.zeros(int(kept.exact.max()) + 1, int)
    stands[kept.exact[by_id[::-1]]] = by_id[::-1]  # the least id of each content
    ids = data.train.ids

    def close(pair: tuple[int, int]) -> tuple:
        same = kept.exact[pair[0]] == kept.exact[pair[1]]
        near = 0.0 if same else float(np.round(min(kept.ratio[pair[0]], kept.ratio[pair[1]]), 6))
        return near, int(min(ids[list(pair)])), int(max(ids[list(pair)]))

    rest = by_id[stands[kept.exact[by_id]] != by_id]
    within = [(int(stands[kept.exact[row]]), int(row)) for row in rest]
    within += [(int(stands[kept.exact[a]]), int(stands[kept.exact[b]])) for a, b in kept.pairs]
    against = [(int(a), int(b)) for a, b in contradicting(kept, data.train.y, by_id)] if _classes(bank) else []
    known, leaked, disagree = None, [], 0
    if "test" in data.views:
        test = data.views["test"]
        known = leaks(data.train.x, test.x, *data.laid_out("test"), kept)
        rows = np.flatnonzero(known.source >= 0)
        rows = rows[np.lexsort((test.ids[rows], np.round(known.ratio[rows], 6)))]
        leaked = [(int(row), int(stands[kept.exact[known.source[row]]])) for row in rows]
        if _classes(bank):
            disagree = sum(int(test.y[new]) != int(data.train.y[old]) for new, old in leaked)
    return _Found(kept, known, sorted(within, key=close), sorted(against, key=close), leaked, disagree)


def _classes(bank: Bank) -> bool:
    return bank.data.output.kind == "classes"


def _accuracies(bank: Bank, leaked: np.ndarray) -> dict[str, Quantity]:
    """The members' accuracy (R2) on all new examples and on those that did not leak."""
    run, test = bank[bank.subject.bank()], bank.data.views["test"]
    if bank.data.output.kind == "tokens":
        return {}
    mask = run.members.mask
    out = int((~mask[0]).sum())
    if not out:
        return {}
    classes, made = _classes(bank), {}
    train = bank.data.train.y
    null = float(np.bincount(train).max() / len(train)) if classes else 0.0
    for name, chosen in (("", np.ones(len(leaked), bool)), ("_without_leaked", ~leaked)):
        if chosen.sum() < 2 or not (classes or test.y[chosen].var() > 0):
            continue
        view = run.views["test"]
        if classes:
            found = new_examples_interval(view.correct[-1][:, chosen].astype(np.float64), len(train), out)
            value, low, high = found.value, found.low, found.high
        else:
            errors = view.loss_nats[-1][:, chosen].astype(np.float64) / test.y[chosen].var()
            found = new_examples_interval(errors, len(train), out)
            value, low, high = 1 - found.value, 1 - found.high, 1 - found.low
        unit = "accuracy" if classes else "r2"
        made[f"test_{unit}{name}"] = Quantity(
            value=value, unit=unit, interval=(low, high), null=null, n=int(chosen.sum()), better="high",
            how=f"mean over members on {'new examples without a copy in training' if name else 'all new examples'}; "
            "interval: over fresh draws of examples and training set; null: "
            f"{'the most frequent class' if classes else 'the mean of the targets'}",
        )  # fmt: skip
    return made


def _charts(bank: Bank, found: _Found, share: Quantity) -> tuple[Chart, ...]:
    kept = found.copies
    exact = np.bincount(kept.exact)[kept.exact] > 1
    curves = [(f"training {bank.noun()}", "ink", np.where(exact, 0.0, kept.ratio))]
    if found.leaks is not None:
        curves.append((f"new {bank.noun()} to training", "muted", found.leaks.ratio))
    grid = np.geomspace(LEAST, 1.0, 61)
    lines, shares = [], []
    for label, role, ratio in curves:
        ratio = ratio[~np.isnan(ratio)]
        if not len(ratio):
            continue
        y = np.array([(ratio <= x).mean() for x in grid])
        shares.append((label, y))
        there = y > 0
        lines.append(Line(label=label, role=role, x=tuple(grid[there]), y=tuple(map(float, y[there])), step=True))
    if not lines or kept.threshold == 0.0:
        return ()
    floor = 0.5 / len(bank.data.train)
    if np.isfinite(kept.dimension):
        smooth = 1 - (1 - grid**kept.dimension) ** (NEIGHBOURS - 1)
        there = smooth > floor
        lines.append(Line(label="no copies", role="null", x=tuple(grid[there]), y=tuple(map(float, smooth[there]))))
    at = [LEAST, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0]
    rows = tuple((number(x, 2), *(percent(float(np.interp(x, grid, y)), 2) for _, y in shares)) for x in at)
    return (
        Chart(
            title="Distance to the nearest neighbour",
            description=f"{percent(share.value)} of the training {bank.noun()} have a copy.",
            x=Axis(
                title="nearest neighbour, in distances to the tenth", log=True, domain=(LEAST, 1.0),
                ticks=(0.01, 0.03, 0.1, 0.3, 1.0),
            ),
            y=Axis(title=f"share of {bank.noun()} at most that far", log=True, domain=(floor, 1.0), format="percent"),
            lines=tuple(lines),
            rules=(Rule(axis="x", at=kept.threshold, label="near copy"),),
            reading=(
                f"Left of the dashed upright {with_article(bank.noun(1))} is so much nearer to its neighbour than to "
                "the next ones that chance would not bring it; exact copies stand at the left end. The dashed curve "
                "is a cloud of the same dimension without copies; both scales are logarithmic."
            ),
            table=Table(columns=("at most", *(label for label, _ in shares)), rows=rows),
        ),
    )  # fmt: skip


def _exhibits(bank: Bank, found: _Found) -> tuple[Exhibits, ...]:
    against = set(map(frozenset, found.against))
    within = [pair for pair in found.within if frozenset(pair) not in against]
    made = []
    for title, pairs, view in (
        ("Copies with different labels", found.against, "train"),
        (f"New {bank.noun()} that are in training", found.leaked, "test"),
        ("Copies within training", within, "train"),
    ):
        groups = tuple(_pair(bank, found, pair, view) for pair in pairs[:SHOWN])
        if groups:
            more = f", {len(groups)} of {count(len(pairs))}" if len(pairs) > len(groups) else ""
            keys = ("which", bank.data.output.target)[: 1 if bank.data.output.kind == "tokens" else 2]
            made.append(Exhibits(title=f"{title}{more}", keys=keys, groups=groups))
    return tuple(made)


def _pair(bank: Bank, found: _Found, pair: tuple[int, int], view: str) -> ExhibitGroup:
    kept = found.copies
    if view == "test":
        exact = bool(found.leaks.exact[pair[0]])
    else:
        exact = bool(kept.exact[pair[0]] == kept.exact[pair[1]])
    kind = "exact copy" if exact else "near copy"
    shown = []
    for name, row in ((view, pair[0]), ("train", pair[1])):
        examples = bank.data.views[name] if name == "test" else bank.data.train
        ident = int(examples.ids[row])
        word = "new" if name == "test" else "training"
        label = _label(bank, examples.y[row])
        sentence = f"{word} {bank.noun(1)} {ident}{f': {label}' if label else ''}; {kind}"
        lines = (f"{word} {ident}", *((label,) if label else ()))
        shown.append(Exhibit(id=ident, view=name, lines=lines, sentence=sentence))
    return ExhibitGroup(label=kind, shown=tuple(shown))


def _label(bank: Bank, y) -> str:
    if bank.data.output.kind == "tokens":
        return ""
    return bank.data.output.classes[int(y)] if _classes(bank) else f"{float(y):.4g}"


def _article(noun: str) -> str:
    return "an" if noun[:1] in "aeiou" else "a"
