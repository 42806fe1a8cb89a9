"""How much worse is it on examples it has not seen? The gap, and its time course."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.learners.run import Run
from byheart.maths.intervals import budget_share_intervals, new_examples_interval
from byheart.maths.sides import side_means
from byheart.maths.statistics import Interval, bootstrap, r2, wilson
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.probes.generalization.gap.passages import of_passages
from byheart.records.chart import Axis, Chart, Line, Rule, Table
from byheart.records.figures import count, interval_text, number, percent, value_text
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity


class Gap(Probe):
    r"""How much worse is it on examples it has not seen?

    train = mean over training examples of the accuracy of members that saw them; held out = the same examples and
    labels under the members that did not; gap = train - held out [points]. The clean test view stands apart, since
    its labels may be cleaner. For values R2 takes the place of accuracy, for passages bits a token.

    Oracle: gap 0. Rote: 1 minus the share of its guess. Cost: no training of its own. Fails when: near-duplicates of
    an example stand in for it. Reference: Feldman and Zhang 2020, section 3 (subset form); Zhang et al. 2017,
    Understanding deep learning requires rethinking generalization, section 2.

    Example:
        >>> Gap().chapter
        'generalization'
    """

    name: ClassVar[str] = "generalization/gap"
    version: ClassVar[int] = 2
    question: ClassVar[str] = "How much worse is it on examples it has not seen?"
    reference: ClassVar[str] = (
        "Zhang et al. 2017, Understanding deep learning requires rethinking generalization, section 2; subset form: "
        "Feldman and Zhang 2020, section 3"
    )

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank, the one model on everything, and the simplest rival."""
        if "tokens" in subject.offers:
            return (subject.bank(), subject.whole(), subject.rival("ngram"))
        rivals = ["rote", "neighbours"] + (["ridge"] if "values" in subject.offers else [])
        return (subject.bank(), subject.whole(), *(subject.rival(name) for name in rivals))

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Accuracies (or R2) on both sides and on the test view, over the checkpoints, with the rivals."""
        run = bank[bank.subject.bank()]
        if lacking := self.one_sided(bank, run.members.mask):
            return lacking, {}
        if bank.data.output.kind == "tokens":
            return of_passages(self, bank, self._course(bank, run))
        sides = Sides(bank, run, self.rng(bank, "bootstrap"))
        quantities = sides.quantities()
        quantities |= self._one_model(bank, sides)
        quantities |= self._rivals(bank, sides)
        quantities |= self._course(bank, run)
        classes = bank.data.output.kind == "classes"
        train, held = quantities[f"train_{sides.unit}"], quantities[f"held_out_{sides.unit}"]
        finding = Finding(
            probe=self.name,
            question=self.question.replace("examples", bank.noun()),
            headline="gap",
            says=f"{'' if classes else 'R2 '}{value_text(train)} {interval_text(train)} where seen, {value_text(held)} "
            f"{interval_text(held)} on the same {'labels' if classes else 'values'} where left out",
            quantities=quantities,
            poles=(
                Pole(name="Oracle", value=0.0),
                Pole(name="Rote", value=self._rote_gap(bank, classes), note="a lookup table"),
            ),
            body=self._body(bank, quantities, sides.unit),
            charts=(self._chart(bank, run, sides, quantities),),
            how=self._how(bank, run, classes),
            reference=self.reference,
        )
        return finding, {"seen": sides.inside, "held_out": sides.outside}

    def _rote_gap(self, bank: Bank, classes: bool) -> float:
        """The gap of a lookup table: measured where it was run, else from the likeliest class."""
        need = bank.subject.rival("rote")
        if need in bank:
            rote = Sides(bank, bank[need], self.rng(bank, "rote"))
            return float((rote.inside - rote.outside).mean()) * (1 if classes else -1)
        return 1 - _most_frequent(bank) if classes else 1.0

    def _one_model(self, bank: Bank, sides: Sides) -> dict[str, Quantity]:
        need = bank.subject.whole()
        if need not in bank:
            return {}
        found = {}
        for view, name in (("train", "train"), ("test", "test")):
            outcomes = bank[need].views.get(view)
            if outcomes is None:
                continue
            y = bank.data.views[view].y
            if outcomes.correct is not None:
                right = outcomes.correct[-1, 0]
                value, interval = float(right.mean()), wilson(int(right.sum()), len(right))
            else:
                value = r2(y, outcomes.logits[0, :, 0])
                interval = _r2_interval(outcomes.loss_nats[-1, 0], y, sides.rng)
            found[f"one_model_{name}_{sides.unit}"] = Quantity(
                value=value,
                unit=sides.unit,
                interval=tuple(interval),
                null=sides.chance,
                n=len(y),
                better="high",
                speaks_of="run",
                how=f"the one model trained on everything, on the {name} view; interval over examples "
                f"alone, not over another training; null: {sides.chance_words}",
            )
        return found  # fmt: skip

    def _rivals(self, bank: Bank, sides: Sides) -> dict[str, Quantity]:
        found = {}
        for name, title in (("neighbours", "1-nearest neighbour"), ("ridge", "ridge regression")):
            need = bank.subject.rival(name)
            if need in bank:
                rival = Sides(bank, bank[need], self.rng(bank, "rival", name))
                for side in ("train", "held_out", "test"):
                    quantity = rival.quantities().get(f"{side}_{sides.unit}")
                    if quantity:
                        how = f"{title} on the first {len(bank[need].members)} of the same subsets; {quantity.how}"
                        found[f"{name}_{side}_{sides.unit}"] = quantity.model_copy(update={"how": how})
        return found

    def _course(self, bank: Bank, run: Run) -> dict[str, Quantity]:
        """Where the held-out loss was smallest, and what it was there and at the end."""
        if len(run.checkpoints) < 3:
            return {}
        mask, losses = run.members.mask, run.views["train"].loss_nats
        held = np.stack([side_means(losses[c].astype(np.float64), mask)[1] for c in range(len(losses))])  # (c, n)
        means = held.mean(1)
        best = int(means.argmin())
        resampled = bootstrap(held.T, groups=bank.duplicates, rng=self.rng(bank, "course"))
        arg = np.array(run.checkpoints)[resampled.sums.argmin(1)]
        unit = "squared error" if bank.data.output.kind == "values" else "nats"
        rise = resampled.sums[:, -1] / resampled.counts - resampled.sums[:, best] / resampled.counts
        low, high = np.quantile(rise, [0.025, 0.975])
        n = held.shape[1]
        found = {
            "held_out_loss": Quantity(
                value=float(means[-1]), unit=unit, interval=tuple(resampled.mean(len(means) - 1)), null=float(means[0]),
                n=n, better="low", how="mean held-out loss at the end, as the models say it; interval: bootstrap "
                "over examples; null: the same before training",
            ),
            "best_epoch": Quantity(
                value=float(run.checkpoints[best]), unit="epochs",
                interval=_around(float(run.checkpoints[best]), arg), null=float(run.checkpoints[-1]), n=n,
                how="checkpoint of the smallest held-out loss; interval: bootstrap over examples; null: the last epoch",
            ),
            "held_out_loss_rise": Quantity(
                value=float(means[-1] - means[best]), unit=unit, interval=(float(low), float(high)), null=0.0, n=n,
                better="low", how="held-out loss at the end less its smallest over the checkpoints; interval: "
                "bootstrap over examples at that checkpoint; null: 0",
            ),
        }  # fmt: skip
        test = run.views.get("test")
        if test is not None and bank.data.output.kind == "classes":
            there = test.correct[best].astype(float).mean(0)
            found["best_epoch_test_accuracy"] = Quantity(
                value=float(there.mean()),
                unit="accuracy",
                interval=tuple(bootstrap(there, rng=self.rng(bank, "best epoch")).mean(0)),
                null=_most_frequent(bank),
                n=len(there),
                better="high",
                how="members' accuracy on the test view at that checkpoint; a schedule made to end there would differ",
            )
        return found  # fmt: skip

    def _body(self, bank: Bank, quantities: dict[str, Quantity], unit: str) -> tuple[str, ...]:
        sentences = []
        test = quantities.get(f"test_{unit}")
        r2_is = "R2 " if unit == "r2" else ""
        if test:
            new = f"{count(test.n)} new {bank.noun(test.n)}"
            sentences.append(f"On {new}: {r2_is}{value_text(test)} {interval_text(test)}.")
        planted = bank.data.truth.changed
        if planted is not None and planted.any() and test:
            sentences.append(
                f"Labels changed by us: {count(int(planted.sum()))} of training, none of the new ones, so training "
                "labels are harder than new ones; the gap compares the same labels."
            )
        one = quantities.get(f"one_model_test_{unit}")
        if one:
            sentences.append(
                f"The one model trained on everything: {r2_is}{value_text(one)} {interval_text(one)} on new "
                f"{bank.noun()}."
            )
        return tuple(sentences)

    def _chart(self, bank: Bank, run: Run, sides: Sides, quantities: dict[str, Quantity]) -> Chart:
        points = run.checkpoints
        unit = "share of labels it gets right" if sides.unit == "accuracy" else "R2"
        courses = sides.courses()
        # epoch 0 has no place on a logarithmic scale; the table keeps it
        drawn = slice(1, None) if len(points) > 1 else slice(None)
        x = tuple(float(p) for p in points[drawn]) if len(points) > 1 else (0.0, 1.0)
        lines, rows = [], []
        for label, role, values, low, high in courses:
            if len(points) == 1:
                values, low, high = (np.repeat(v, 2) for v in (values, low, high))
            written = percent(values[-1]) if sides.unit == "accuracy" else number(values[-1], 2)
            lines.append(
                Line(
                    label=f"{label} {written}",
                    role=role,
                    x=x,
                    y=tuple(map(float, values[drawn])),
                    low=tuple(map(float, low[drawn])),
                    high=tuple(map(float, high[drawn])),
                )
            )
        show = percent if sides.unit == "accuracy" else lambda v: number(v, 3)
        for c, epoch in enumerate(points):
            rows.append((str(epoch), *(show(values[c]) for _, _, values, _, _ in courses)))
        rules = []
        rival = quantities.get(f"neighbours_held_out_{sides.unit}")
        if rival and (sides.unit == "accuracy" or rival.value > -1):
            rules.append(Rule(axis="y", at=rival.value, label=f"1-nearest neighbour, left out {show(rival.value)}"))
        if sides.unit == "accuracy":
            rules.append(Rule(axis="y", at=sides.chance, label=f"chance {percent(sides.chance, 0)}"))
        floor = 0.0 if sides.unit == "accuracy" else max(-1.0, min(0.0, *(float(min(line.y)) for line in lines)))
        return Chart(
            title=f"{'Accuracy' if sides.unit == 'accuracy' else 'R2'}{' over epochs' if len(points) > 1 else ''}",
            description="; ".join(line.label for line in lines),
            x=Axis(
                title="epoch" if len(points) > 1 else "", log=len(points) > 1, ticks=tuple(x) if len(points) > 1 else ()
            ),
            y=Axis(title=unit, domain=(floor, 1.0), format="percent" if sides.unit == "accuracy" else "number"),
            lines=tuple(lines),
            rules=tuple(rules),
            reading=(
                "Where the lines rise together it learns what holds for all; where only the line of what it saw "
                "rises it learns by heart. Bands are 95 % intervals over examples; the scale of epochs is "
                "logarithmic."
                if len(points) > 1
                else "This learner has no epochs: one line a side."
            ),
            table=Table(columns=("epoch", *(label for label, *_ in courses)), rows=tuple(rows)),
        )

    def _how(self, bank: Bank, run: Run, classes: bool) -> tuple[str, ...]:
        what, labels = ("Accuracy", "labels") if classes else ("R2", "values")
        return (
            f"{what} where seen: over all training {labels} as given, under the members that saw them; where left "
            f"out: the same {labels} under the members that did not. Gap is the difference. New {bank.noun()}: mean "
            f"over members and test {labels}.",
            "Intervals: what other examples (copies together) and another draw of the training set "
            "would bring. Rote is right where seen and guesses elsewhere; the Oracle's "
            "gap is 0.",
            "Fails when near-duplicates stand in for one another. Cost: no training of its own.",
        )


class Sides:
    """Accuracy or R2 of members that saw each example, of those that did not, and on the test view."""

    def __init__(self, bank: Bank, run: Run, rng: np.random.Generator) -> None:
        self.bank, self.run, self.rng = bank, run, rng
        self.classes = bank.data.output.kind == "classes"
        self.unit = "accuracy" if self.classes else "r2"
        self.chance = _most_frequent(bank) if self.classes else 0.0
        self.chance_words = "the most frequent class" if self.classes else "the mean of the targets"
        self.inside, self.outside = side_means(self._outcome(-1), run.members.mask)

    def _outcome(self, c: int) -> np.ndarray:
        """(m, n): right or wrong, or the squared error over the variance of the targets."""
        train = self.run.views["train"]
        if self.classes:
            return train.correct[c].astype(np.float64)
        return train.loss_nats[c].astype(np.float64) / float(self.bank.data.train.y.var())

    def quantities(self) -> dict[str, Quantity]:
        """`train_`, `held_out_`, `test_` and `gap`, each over fresh draws of examples and training set."""
        outcome = self._outcome(-1)
        n, mask = outcome.shape[1], self.run.members.mask
        # errors in the place of code lengths, 1 in the place of the reference: understood is then the score where
        # left out, memorised the gap, left the error where seen
        errors = 1 - outcome if self.classes else outcome
        parts = budget_share_intervals(np.ones(n), errors, mask, self.bank.duplicates)
        seen = (1 - parts.left.value, 1 - parts.left.high, 1 - parts.left.low)
        where = "interval: over fresh draws of examples and training set"
        found = {
            f"train_{self.unit}": self._score(*seen, n, f"members that saw the label; {where}"),
            f"held_out_{self.unit}": self._score(*parts.understood[:3], n, f"members that did not; {where}"),
            "gap": Quantity(
                value=parts.memorised.value, unit="points" if self.classes else "r2",
                interval=(parts.memorised.low, parts.memorised.high), null=0.0, n=n, better="low",
                how=f"seen less left out, on the same labels; {where}; null: 0",
            ),
        }  # fmt: skip
        if (test := self._test_outcome()) is not None:
            new = new_examples_interval(test, n, int((~mask[0]).sum()))
            low, high, value = new.low, new.high, new.value
            if not self.classes:
                low, high, value = 1 - high, 1 - low, 1 - value
            found[f"test_{self.unit}"] = self._score(
                value, low, high, test.shape[1], f"mean over members on the test view; {where}"
            )
        return found

    def _score(self, value: float, low: float, high: float, n: int, how: str) -> Quantity:
        if self.classes:
            low, high = max(0.0, low), min(1.0, high)
        return Quantity(
            value=value, unit=self.unit, interval=(min(low, value), max(high, value)), null=self.chance, n=n,
            better="high", how=f"{how}; null: {self.chance_words}",
        )  # fmt: skip

    def _test_outcome(self) -> np.ndarray | None:
        view = self.run.views.get("test")
        if view is None:
            return None
        if self.classes:
            return view.correct[-1].astype(np.float64)
        return view.loss_nats[-1].astype(np.float64) / float(self.bank.data.views["test"].y.var())

    def courses(self) -> list[tuple]:
        """(label, role, values (c,), low, high) of each line of the chart."""
        mask, test = self.run.members.mask, self.run.views.get("test")
        planted = self.bank.data.truth.changed
        lines: dict[str, list[np.ndarray]] = {"seen": [], "left out": []}
        for c in range(len(self.run.checkpoints)):
            inside, outside = side_means(self._outcome(c), mask)
            lines["seen"].append(inside)
            lines["left out"].append(outside)
            if test is not None:
                new = (
                    test.correct[c].mean(0)
                    if self.classes
                    else test.loss_nats[c].mean(0) / self.bank.data.views["test"].y.var()
                )
                lines.setdefault(f"new {self.bank.noun()}", []).append(new)
            if planted is not None and planted.any() and self.classes:
                lines.setdefault("redrawn, seen", []).append(inside[planted])
        roles = {"seen": "memorised", "left out": "understood", "redrawn, seen": "ink"}
        made = []
        for label, series in lines.items():
            means = np.array([values.mean() if self.classes else 1 - values.mean() for values in series])
            errors = np.array([1.96 * values.std(ddof=1) / np.sqrt(len(values)) for values in series])
            made.append((label, roles.get(label, "muted"), means, means - errors, means + errors))
        return made


def _around(value: float, draws: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of the draws, stretched to hold the value itself."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return min(float(low), value), max(float(high), value)


def _most_frequent(bank: Bank) -> float:
    return float(np.bincount(bank.data.train.y).max() / len(bank.data.train))


def _r2_interval(squared: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Interval:
    low, high = bootstrap(squared.astype(np.float64) / float(y.var()), rng=rng).mean(0)
    return Interval(1 - high, 1 - low)
