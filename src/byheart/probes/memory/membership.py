"""Can somebody who holds the model tell who was in the training set? Membership inference from the bank."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.detection import Point, Points, detection_curve, example_risk, operating_points
from byheart.maths.membership import likelihood_ratio
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.probes.copies import few
from byheart.records.chart import Axis, Chart, Line, Mark, Table
from byheart.records.figures import count, number, percent, with_article
from byheart.records.finding import Exhibit, ExhibitGroup, Exhibits, Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity

LEVELS = (0.01, 0.001)
NAMES = ("tpr_at_fpr_1_percent", "tpr_at_fpr_0.1_percent")
DRAWS, FEWER_DRAWS = 400, 200
GRID = 24


class Membership(Probe):
    r"""Can somebody who holds the model tell who was in the training set?

    Each member is attacked in turn, the others are the shadow models: log p(score | saw it) - log p(score | did not),
    both densities from the others, the score the margin of the label (for values minus the absolute error, for
    passages log p). One threshold for all gives the ROC: membership_auc, and the share of members found at 1 % and
    0.1 % false alarms. The model trained on everything has no non-members, so it cannot be attacked. Per example:
    risk, the share of non-members it stands out from; the mean of the risks is the AUC.

    Oracle: 0.5. Rote: 1. Cost: no training of its own. Fails when: members are few (the attack is then weaker than
    the one a patient attacker would mount: a lower bound). Reference: Carlini et al. 2022, Membership inference
    attacks from first principles, algorithm 1; variance: Brannvall 2026, arXiv 2603.11799.

    Example:
        >>> Membership().chapter
        'memory'
    """

    name: ClassVar[str] = "memory/membership"
    version: ClassVar[int] = 3
    question: ClassVar[str] = "Can somebody who holds the model tell who was in the training set?"
    reference: ClassVar[str] = (
        "Carlini et al. 2022, Membership inference attacks from first principles, algorithm 1; Bayesian variance: "
        "Brannvall 2026, Exponential-family membership inference, arXiv 2603.11799; two-way bootstrap: Owen 2007, The "
        "pigeonhole bootstrap"
    )

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank."""
        return (subject.bank(),)

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """The attack with and without models that saw the example, its baseline, and the risk of every example."""
        run = bank[bank.subject.bank()]
        if lacking := self.one_sided(bank, run.members.mask) or few(self, bank):
            return lacking, {}
        # by id, so that the draws of the bootstrap do not depend on the order of the examples
        by_id = np.argsort(bank.data.train.ids, kind="stable")
        mask, score = run.members.mask[:, by_id], attack_score(bank)[:, by_id]
        online, offline = (likelihood_ratio(score, mask, online=side) for side in (True, False))
        if lacking := self._too_few(bank, online, mask):
            return lacking, {}
        groups = bank.groups[by_id]
        grid = _grid(int((~mask & ~np.isnan(online)).sum()))
        points = operating_points(online, mask, self.rng(bank, "online"), (*LEVELS, *grid), groups, DRAWS)
        others = {
            name: operating_points(values, mask, self.rng(bank, name), LEVELS, groups, FEWER_DRAWS)
            for name, values in (("offline", offline), ("loss_threshold", score))
        }
        risk, caught = example_risk(online, mask), _caught(online, mask, points.points[0])
        back = np.argsort(by_id, kind="stable")
        quantities = self._quantities(bank, points, others)
        finding = Finding(
            probe=self.name,
            question=self.question,
            headline="membership_auc",
            says=f"AUC: how often a model's own training {bank.noun(1)} looks more like one than "
            f"{with_article(bank.noun(1))} it never saw",
            quantities=quantities,
            poles=(Pole(name="Oracle", value=0.5), Pole(name="Rote", value=1.0)),
            body=self._body(bank, points, quantities, None if caught is None else caught[back]),
            charts=(self._chart(bank, points, grid, {"offline": offline, "loss": score}, mask),) if grid else (),
            exhibits=_exposed(bank, risk[back], None if caught is None else caught[back], run.members.mask),
            how=self._how(bank, points, mask),
            reference=self.reference,
        )
        columns = {"risk": risk[back]}
        return finding, columns if caught is None else {**columns, "found_at_1_percent": caught[back]}

    def _too_few(self, bank: Bank, ratio: np.ndarray, mask: np.ndarray) -> NotApplicable | None:
        judged = ~np.isnan(ratio)
        if (judged & mask).any(0).all() and (judged & ~mask).any():
            return None
        m = len(mask)
        needed = int(np.ceil(2 / (1 - bank.subject.share))) + 1
        reason = f"With {m} members nobody is left to judge some {bank.noun()} when one member is set aside."
        return self.not_applicable(reason, f"Train more members: --members {max(needed, m + 2)}.")

    def _quantities(self, bank: Bank, points: Points, others: dict[str, Points]) -> dict[str, Quantity]:
        n = len(bank.data.train)
        by = "interval: two-way bootstrap over examples (copies together) and attacked members"

        def auc(kept: Points, what: str) -> Quantity:
            return Quantity(
                value=kept.auc, unit="auc", interval=tuple(kept.auc_interval), null=0.5, n=n, better="low",
                how=f"{what}, {count(kept.positives)} judgements of members and {count(kept.negatives)} of others "
                f"under one threshold; {by}; null: 0.5",
            )  # fmt: skip

        found = {"membership_auc": auc(points, "likelihood ratio, both sides from the other members")}
        for name, point in zip(NAMES, points.points):
            if point.value is not None:
                found[name] = Quantity(
                    value=point.value, unit="share", interval=tuple(point.interval), null=point.level, n=n,
                    better="low",
                    how=f"share of training examples found where {percent(point.level)} of the others are taken for "
                    f"one, {count(point.false_alarms)} false alarms; {by}; null: a guess finds as many",
                )  # fmt: skip
        found["offline_auc"] = auc(others["offline"], "without models that saw the example")
        found["loss_threshold_auc"] = auc(others["loss_threshold"], "the score alone, no other models")
        return found

    def _body(self, bank: Bank, points: Points, quantities: dict[str, Quantity], caught) -> tuple[str, ...]:
        sentences = []
        for name, point in zip(NAMES, points.points):
            at = percent(point.level, 0 if point.level >= 0.01 else 1)
            if point.value is None:
                members = int(np.ceil(30 / (point.level * len(bank.data.train) * (1 - bank.subject.share))))
                sentences.append(f"At {at} false alarms: withheld, {point.reason}; {count(members)} members would do.")
            else:
                low, high = quantities[name].interval or (0.0, 0.0)
                sentences.append(
                    f"At {at} false alarms it finds {percent(point.value)} [{number(100 * low, 1)}, "
                    f"{number(100 * high, 1)}] of the training {bank.noun()}; a guess finds {at}."
                )
        changed = bank.data.truth.changed
        if caught is not None and changed is not None and changed.any() and not changed.all():
            sentences.append(
                f"Labels we changed give themselves away: of these {percent(caught[changed].mean(), 0)} are found at "
                f"1\u202f% false alarms, of the labels as they came {percent(caught[~changed].mean(), 0)}."
                if caught[changed].mean() > caught[~changed].mean()
                else f"Labels we changed are found no more often: {percent(caught[changed].mean(), 1)} at 1\u202f% "
                f"false alarms, {percent(caught[~changed].mean(), 1)} of the labels as they came."
            )
        offline, alone = quantities["offline_auc"], quantities["loss_threshold_auc"]
        what = "error" if bank.data.output.kind == "values" else "loss"
        sentences.append(
            f"Who cannot train on the {bank.noun(1)} reaches AUC {number(offline.value, 2)}; who only sorts by {what}, "
            f"without other models, {number(alone.value, 2)}."
        )
        return tuple(sentences)

    def _chart(self, bank: Bank, points: Points, grid, others: dict[str, np.ndarray], mask: np.ndarray) -> Chart:
        # ties can leave a level with fewer false alarms behind it than it promised: it is withheld, and not drawn
        kept = [(x, p) for x, p in zip(grid, points.points[len(LEVELS) :]) if p.value is not None and p.interval]
        grid, drawn = tuple(x for x, _ in kept), [p for _, p in kept]
        values = [float(point.value) for point in drawn]
        bands = [point.interval for point in drawn]
        curves = {name: np.interp(grid, *detection_curve(score, mask)) for name, score in others.items()}
        floor = min(grid, default=1.0)
        online = Line(
            label=f"all the others, AUC {number(points.auc, 2)}", role="memorised", x=tuple(grid), y=tuple(values),
            low=tuple(max(floor / 2, band.low) for band in bands), high=tuple(band.high for band in bands),
        )  # fmt: skip
        lines = [online]
        words = (("offline", f"others that never saw the {bank.noun(1)}", "ink"), ("loss", "no other models", "muted"))
        for name, label, role in words:
            lines.append(Line(label=label, role=role, x=tuple(grid), y=tuple(map(float, curves[name]))))
        lines.append(Line(label="a guess", role="null", x=tuple(grid), y=tuple(grid)))
        at, first = points.points[0], ()
        if at.value is not None:
            first = (Mark(x=at.level, y=at.value, label=percent(at.value), role="memorised"),)
        rows = tuple(
            (percent(x, 2), percent(y), *(percent(float(curves[name][g])) for name, *_ in words))
            for g, (x, y) in enumerate(zip(grid, values))
            if g % 3 == 0 or g == len(grid) - 1
        )
        return Chart(
            title=f"Training {bank.noun()} found by false alarms",
            description=f"AUC {number(points.auc, 2)}"
            + (f"; {percent(at.value)} found at 1\u202f% false alarms." if at.value is not None else "."),
            x=Axis(
                title=f"{bank.noun()} it never saw, taken for training {bank.noun()}",
                log=True, domain=(floor, 1.0), format="percent",
            ),
            y=Axis(title=f"training {bank.noun()} found", log=True, domain=(floor / 2, 1.0), format="percent"),
            lines=tuple(lines),
            marks=first,
            reading=(
                "Left counts: an attacker who must be sure allows few false alarms. Above the dashed line the model "
                f"gives its training {bank.noun()} away; both scales are logarithmic. The line begins where "
                f"{count(30)} false alarms stand behind it; band: 95\u202f%."
            ),
            table=Table(columns=("false alarms", "all the others", "never saw it", "no other models"), rows=rows),
        )  # fmt: skip

    def _how(self, bank: Bank, points: Points, mask: np.ndarray) -> tuple[str, ...]:
        score = {
            "classes": "the margin of the label, log p \u2212 log (1 \u2212 p)",
            "values": "minus the absolute error",
        }.get(bank.data.output.kind, "log p of the whole passage")
        return (
            f"Each of the {len(mask)} members is attacked in turn; the others say how the score is distributed with "
            f"and without the {bank.noun(1)}: log p(score | seen) \u2212 log p(score | not seen). Score: {score}. "
            "The densities are Student's t: the variance of each side is that of the others, shrunk towards that of "
            f"all {bank.noun()} as far as these agree. One other member of the opposite side is set aside, so that "
            f"seen and unseen {bank.noun()} are judged by equally many.",
            f"{count(points.positives)} judgements of training {bank.noun()}, {count(points.negatives)} of others. "
            f"Interval: {bank.noun()} and attacked members drawn with replacement together; judgements taken as "
            "independent would give one several times too narrow. Levels with fewer than 30 false alarms behind them "
            "are withheld. Oracle 0.5, Rote 1.",
            "The model trained on everything has no non-members, so the members stand for the recipe. An attack is a "
            "lower bound: more members make it stronger, a better one may exist. Fails when members are few. Cost: no "
            "training of its own.",
        )


def attack_score(bank: Bank) -> np.ndarray:
    """(m, n) what is judged of each member: the margin of the label; minus the absolute error of a value; log p of a
    whole passage.

    On diabetes (442 values, 32 members) the absolute error gave AUC 0.770, its square 0.761, the log of it 0.735.
    """
    train = bank[bank.subject.bank()].views["train"]
    if train.margin is not None:
        return train.margin[-1].astype(np.float64)
    if bank.data.output.kind == "tokens":
        return -train.loss_nats[-1].astype(np.float64)
    return -np.sqrt(train.loss_nats[-1].astype(np.float64))


def _grid(negatives: int) -> tuple[float, ...]:
    """Levels of false alarms from the first that 30 of them stand behind; none where that is half of all."""
    if negatives < 60:
        return ()
    return tuple(float(x) for x in np.geomspace(30 / negatives * (1 + 1e-9), 1.0, GRID))


def _caught(ratio: np.ndarray, mask: np.ndarray, point: Point) -> np.ndarray | None:
    """(n,) of the members that saw each example, the share found at the first level; None where it is withheld."""
    if point.value is None:
        return None
    bar = np.sort(ratio[~mask & ~np.isnan(ratio)])[::-1][point.false_alarms]
    judged = mask & ~np.isnan(ratio)
    return np.where(judged, ratio > bar, False).sum(0) / judged.sum(0)


def _exposed(bank: Bank, risk: np.ndarray, caught: np.ndarray | None, mask: np.ndarray) -> tuple[Exhibits, ...]:
    first = risk if caught is None else caught
    order = np.lexsort((bank.data.train.ids, -np.round(risk, 9), -np.round(first, 9)))
    changed = bank.data.truth.changed
    planted = changed if changed is not None else np.zeros(len(risk), bool)
    groups = []
    for label, ring, chosen, room in (
        ("labels we redrew", True, planted, 5),
        ("labels as they came", False, ~planted, 7 if planted.any() else 12),
    ):
        rows = [int(i) for i in order if chosen[i] and risk[i] > 0.5 + 1e-9][:room]
        if rows:
            shown = tuple(_exhibit(bank, i, risk, caught, mask) for i in rows)
            groups.append(ExhibitGroup(label=label, ring=ring, shown=shown))
    target = bank.data.output.target
    keys = (target, "risk" if caught is None else "found in")[bank.data.output.kind == "tokens" :]
    return (Exhibits(title="Most exposed", keys=keys, groups=tuple(groups)),) if groups else ()


def _exhibit(bank: Bank, i: int, risk: np.ndarray, caught: np.ndarray | None, mask: np.ndarray) -> Exhibit:
    train, output = bank.data.train, bank.data.output
    if output.kind == "tokens":
        label = ""
    else:
        label = output.classes[int(train.y[i])] if output.classes else f"{float(train.y[i]):.4g}"
    saw, ident, risky = int(mask[:, i].sum()), int(train.ids[i]), number(float(risk[i]), 2)
    if caught is None:
        lines, found = (label, risky)[not label :], ""
    else:
        times = round(float(caught[i]) * saw)
        lines = (label, f"{times} of {saw}")[not label :]
        found = f"found in {times} of the {saw} members that saw it at 1\u202f% false alarms; "
    said = f"{output.target} {label}; " if label else ""
    sentence = f"{bank.noun(1)} {ident}: {said}{found}risk {risky}"
    return Exhibit(id=ident, lines=lines, sentence=sentence)
