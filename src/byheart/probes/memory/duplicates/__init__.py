"""Is an example there twice, in training or in the test? Exact and near copies, and what they hide."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from byheart.maths.memorisation.duplicates import copies
from byheart.maths.memorisation.nearest_neighbours import NEIGHBOURS
from byheart.maths.statistics.effective_sample_size import worth
from byheart.maths.statistics.ranks import wilson
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.probes.memory.duplicates.accuracy import accuracies, measure_of
from byheart.probes.memory.duplicates.pairs import Found, search
from byheart.probes.memory.duplicates.shown import charts, exhibits
from byheart.records.figures import count, interval_text, number, percent, value_text, with_article
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity

SHUFFLES = 20  # of the null; fewer where they would cost more than so many products
PRODUCTS = 5e10


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
    version: ClassVar[int] = 5
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
        found = search(bank)
        kept = found.copies
        quantities = self._quantities(bank, found)
        sizes = np.bincount(kept.groups)[kept.groups]
        share = quantities["duplicate_share"]
        finding = Finding(
            probe=self.name,
            question=self.question.replace("an example", with_article(bank.noun(1))),
            headline="duplicate_share",
            says=f"of the training {bank.noun()} have a copy among the training {bank.noun()}",
            quantities=quantities,
            poles=(Pole(name="All different", value=0.0), Pole(name="All copies", value=1.0)),
            facts=(("speaks of", "these data"),),
            body=self._body(bank, found, quantities),
            charts=charts(bank, found, share),
            exhibits=exhibits(bank, found),
            how=self._how(bank, found),
            reference=self.reference,
        )
        return finding, {"copies": (sizes - 1).astype(np.int64), "copy_group": kept.groups.astype(np.int64)}

    def _quantities(self, bank: Bank, found: Found) -> dict[str, Quantity]:
        kept, n = found.copies, len(bank.data.train)
        groups, share = int(kept.groups.max()) + 1, float(kept.copied.mean())
        made = {
            "duplicate_share": Quantity(
                value=share, unit="share", interval=tuple(wilson(share * groups, groups)), null=self._null(bank), n=n,
                better="low",
                how=f"training examples with an exact or near copy in training; interval: Wilson, {count(groups)} "
                "groups of copies for that many draws; null: the same when each column is shuffled within its class"
                + ("" if bank.data.output.show == "row" else ", none for pictures and sequences"),
            )
        }  # fmt: skip
        if bank.data.output.kind == "classes":
            made["contradicting"] = Quantity(
                value=len(found.against), unit="pairs", interval=None, null=0.0, n=n, better="low",
                how="pairs of different labels on copies, of the labels as they came; no interval: counted; null: "
                "copies agree",
            )  # fmt: skip
        if found.leaks is None:
            return made
        leaked, draws = found.leaks.source >= 0, worth(bank.data.new_copies)
        made["leaked_share"] = Quantity(
            value=float(leaked.mean()), unit="share", interval=tuple(wilson(float(leaked.mean()) * draws, draws)),
            null=0.0, n=len(leaked), better="low",
            how="new examples with an exact or near copy in training; interval: Wilson, exact copies among them count "
            "as one; null: 0, the two are disjoint",
        )  # fmt: skip
        return made | accuracies(bank, leaked)

    def _null(self, bank: Bank) -> float:
        """Share of copies when each column is shuffled among the examples of a class, by order of ids."""
        train, output = bank.data.train, bank.data.output
        if output.kind == "tokens" or output.show in ("image", "photograph"):
            return 0.0
        by_id = np.argsort(train.ids, kind="stable")
        train, rng = train.take(by_id), self.rng(bank, "null")
        x = train.x.reshape(len(train), -1).copy()
        y = train.y if output.kind == "classes" else np.zeros(len(train), int)
        # classes in order of ids, so that their names play no part
        classes = [np.flatnonzero(y == label) for label in dict.fromkeys(y.tolist())]
        shares = []
        for _ in range(int(np.clip(PRODUCTS / (len(x) * x.size), 1, SHUFFLES))):
            for rows in classes:
                x[rows] = rng.permuted(x[rows], axis=0)
            shuffled = replace(bank.data, phases=(replace(train, x=x.reshape(train.x.shape)),))
            shares.append(copies(x, *shuffled.laid_out(), work=PRODUCTS).copied.mean())
        return float(np.mean(shares))

    def _body(self, bank: Bank, found: Found, quantities: dict[str, Quantity]) -> tuple[str, ...]:
        kept, sentences = found.copies, []
        exact = np.bincount(kept.exact)[kept.exact] > 1
        if kept.copied.any():
            near = int((kept.copied & ~exact).sum())
            sentences.append(
                f"Exact copies of another: {count(int(exact.sum()))}; near copies only: {count(near)}. Copies "
                "count as one in the intervals over training examples and stand in one half of the bit budget."
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
            said = measure_of(bank).name
            clean, whole = quantities.get(f"test_{said}_without_leaked"), quantities.get(f"test_{said}")
            if leaked and clean and whole:
                what = {"accuracy": "Accuracy", "r2": "R2", "bits_a_token": "Code length a token"}[said]
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

    def _how(self, bank: Bank, found: Found) -> tuple[str, ...]:
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
            f"brings 0.05 such pairs among all {count(len(kept.groups))} {bank.noun()}; the ratio is at most 0.5. And "
            "the gap behind them must be as rare by how the neighbours farther out spread around this very place.",
            "The question is about the data: no model is asked but for the accuracy without what leaked. All different "
            "0, all copies 1.",
            f"Fails when copies are shifted or turned, or more than {NEIGHBOURS - 1} near copies stand together. "
            "Cost: all distances once, no training.",
        )
