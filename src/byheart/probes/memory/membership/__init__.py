"""Can somebody who holds the model tell who was in the training set? Membership inference from the bank."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.attacks import cross_scored, strongest
from byheart.maths.detection import Points, detection_curve, example_risk, operating_points
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.probes.copies import few
from byheart.probes.memory.membership.attacks import attack_score, attack_scores, attack_words, choice
from byheart.probes.memory.membership.exhibits import caught_share, exposed
from byheart.records.chart import Axis, Chart, Line, Mark, Table
from byheart.records.figures import count, number, percent, with_article
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity

LEVELS = (0.01, 0.001)
NAMES = ("tpr_at_fpr_1_percent", "tpr_at_fpr_0.1_percent")
DRAWS, FEWER_DRAWS = 400, 150
GRID = 24


class Membership(Probe):
    r"""Can somebody who holds the model tell who was in the training set?

    Each member is attacked in turn, the others are the shadow models. Three attacks: online, log p(score | saw it) -
    log p(score | did not), both densities from the others; offline, how far the score stands above those that did not
    see it; and the score alone: the margin of the label (for values minus the absolute error, for passages log p).
    One threshold for all gives the ROC. What is reported is the strongest, chosen on one half of the members and
    scored on the other, both ways: membership_auc by AUC, and for 1 % and 0.1 % false alarms the share of members
    found by the attack that finds most there. Labels redrawn by the control do not count. The model trained on
    everything has no non-members, so it cannot be attacked. Per example: risk, the share of non-members it stands out
    from; the mean of the risks is the AUC.

    Oracle: 0.5. Rote: 1. Cost: no training of its own. Fails when: members are few (the attack is then weaker than
    the one a patient attacker would mount: a lower bound). Reference: Carlini et al. 2022, Membership inference
    attacks from first principles, algorithm 1; variance: Brannvall 2026, arXiv 2603.11799; the score alone: Yeom et
    al. 2018, Privacy risk in machine learning.

    Example:
        >>> Membership().chapter
        'memory'
    """

    name: ClassVar[str] = "memory/membership"
    version: ClassVar[int] = 4
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
        mask, counted = run.members.mask[:, by_id], bank.counted[by_id]
        attacks = attack_scores(attack_score(bank)[:, by_id], mask, counted)
        among = {name: score[:, counted] for name, score in attacks.items()}
        seen, groups = mask[:, counted], bank.groups[by_id][counted]
        if lacking := self._too_few(bank, among["online"], seen):
            return lacking, {}
        grid = _grid(int((~seen & ~np.isnan(among["online"])).sum()))
        chosen = strongest(among, seen, LEVELS)
        scores = {pair: cross_scored(attacks, mask, pair) for pair in chosen}
        redrawn = {
            pair: operating_points(score[:, counted], seen, self.rng(bank, *pair), levels, groups, draws)
            for pair, score in scores.items()
            for levels, draws in [((*LEVELS, *grid), DRAWS) if pair == chosen[0] else (LEVELS, FEWER_DRAWS)]
        }
        points = redrawn[chosen[0]]._replace(
            points=(*(redrawn[pair].points[at] for at, pair in enumerate(chosen[1:])), *redrawn[chosen[0]].points[2:])
        )
        alone = {
            name: redrawn.get((name, name))
            or operating_points(score, seen, self.rng(bank, name), LEVELS, groups, FEWER_DRAWS)
            for name, score in among.items()
        }
        risk, caught = example_risk(scores[chosen[0]], mask), caught_share(scores[chosen[1]], mask, points.points[0])
        back = np.argsort(by_id, kind="stable")
        quantities = self._quantities(bank, points, alone, chosen)
        finding = Finding(
            probe=self.name,
            question=self.question,
            headline="membership_auc",
            says=f"AUC: how often a model's own training {bank.noun(1)} looks more like one than "
            f"{with_article(bank.noun(1))} it never saw",
            quantities=quantities,
            poles=(Pole(name="Oracle", value=0.5), Pole(name="Rote", value=1.0)),
            body=self._body(bank, points, quantities, chosen, None if caught is None else caught[back]),
            charts=(self._chart(bank, points, grid, among, seen, chosen),) if grid else (),
            exhibits=exposed(bank, risk[back], None if caught is None else caught[back], run.members.mask),
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

    def _quantities(
        self, bank: Bank, points: Points, alone: dict[str, Points], chosen: tuple[tuple[str, str], ...]
    ) -> dict[str, Quantity]:
        n = int(bank.counted.sum())
        by = "interval: two-way bootstrap over examples (groups together) and attacked members"

        def auc(kept: Points, what: str) -> Quantity:
            return Quantity(
                value=kept.auc, unit="auc", interval=tuple(kept.auc_interval), null=0.5, n=n, better="low",
                how=f"{what}, {count(kept.positives)} judgements of members and {count(kept.negatives)} of others "
                f"under one threshold; {by}; null: 0.5",
            )  # fmt: skip

        found = {"membership_auc": auc(points, f"strongest attack, {choice(bank, chosen[0])}")}
        for name, point, pair in zip(NAMES, points.points, chosen[1:]):
            if point.value is not None:
                found[name] = Quantity(
                    value=point.value, unit="share", interval=tuple(point.interval), null=point.level, n=n,
                    better="low",
                    how=f"share of training examples found where {percent(point.level)} of the others are taken for "
                    f"one, {count(point.false_alarms)} false alarms, by the strongest attack there, "
                    f"{choice(bank, pair)}; {by}; null: a guess finds as many",
                )  # fmt: skip
        return found | {f"{name}_auc": auc(kept, f"{attack_words(bank)[name]}") for name, kept in alone.items()}

    def _body(
        self, bank: Bank, points: Points, quantities: dict[str, Quantity], chosen: tuple[tuple[str, str], ...], caught
    ) -> tuple[str, ...]:
        sentences = [f"The strongest of three attacks: {choice(bank, chosen[0])}."]
        if quantities["membership_auc"].value < 0.5 - 1e-9:
            sentences.append("Even that is worse than a guess, whose AUC is 0.5.")
        words = attack_words(bank)
        for name, point, pair in zip(NAMES, points.points, chosen[1:]):
            at = percent(point.level, 0 if point.level >= 0.01 else 1)
            if point.value is None:
                each = point.level * int(bank.counted.sum()) * (1 - bank.subject.share)
                members = int(np.ceil(30 / each))
                sentences.append(f"At {at} false alarms: withheld, {point.reason}; {count(members)} members would do.")
            else:
                low, high = quantities[name].interval or (0.0, 0.0)
                guess = f"fewer than a guess, which finds {at}" if point.value < point.level else f"a guess finds {at}"
                other = " / ".join(dict.fromkeys(words[one] for one in pair))
                what = "it" if pair == chosen[0] else f"the strongest attack there ({other})"
                sentences.append(
                    f"At {at} false alarms {what} finds {percent(point.value)} [{number(100 * low, 1)}, "
                    f"{number(100 * high, 1)}] of the training {bank.noun()}; {guess}."
                )
        if caught is not None and (changed := bank.data.truth.changed) is not None:
            judged = np.isfinite(caught) & changed, ~changed & bank.counted
        else:
            judged = ()
        if judged and all(kind.any() for kind in judged):
            redrawn, as_given = (caught[kind].mean() for kind in judged)
            sentences.append(
                f"Labels we changed give themselves away: of these {percent(redrawn, 0)} are found at "
                f"1\u202f% false alarms, of the labels as they came {percent(as_given, 0)}."
                if redrawn > as_given
                else f"Labels we changed are found no more often: {percent(redrawn, 1)} at 1\u202f% "
                f"false alarms, {percent(as_given, 1)} of the labels as they came."
            )
        each = ", ".join(f"{words[name]} {number(quantities[f'{name}_auc'].value, 2)}" for name in words)
        sentences.append(f"AUC of each attack over all members: {each}.")
        return tuple(sentences)

    def _chart(
        self, bank: Bank, points: Points, grid, attacks: dict[str, np.ndarray], mask: np.ndarray,
        chosen: tuple[tuple[str, str], ...],
    ) -> Chart:  # fmt: skip
        # ties can leave a level with fewer false alarms behind it than it promised: it is withheld, and not drawn
        kept = [(x, p) for x, p in zip(grid, points.points[len(LEVELS) :]) if p.value is not None and p.interval]
        grid, drawn = tuple(x for x, _ in kept), [p for _, p in kept]
        values = [float(point.value) for point in drawn]
        bands = [point.interval for point in drawn]
        words = {name: word for name, word in attack_words(bank).items() if (name, name) != chosen[0]}
        curves = {name: np.interp(grid, *detection_curve(attacks[name], mask)) for name in words}
        floor = min(grid, default=1.0)
        best = Line(
            label=f"strongest attack, AUC {number(points.auc, 2)}", role="memorised", x=tuple(grid), y=tuple(values),
            low=tuple(max(floor / 2, band.low) for band in bands), high=tuple(band.high for band in bands),
        )  # fmt: skip
        lines = [best]
        for name, role in zip(words, ("ink", "muted", "muted")):
            lines.append(Line(label=words[name], role=role, x=tuple(grid), y=tuple(map(float, curves[name]))))
        lines.append(Line(label="a guess", role="null", x=tuple(grid), y=tuple(grid)))
        at, first = points.points[0], ()
        if at.value is not None and chosen[1] == chosen[0]:
            first = (Mark(x=at.level, y=at.value, label=percent(at.value), role="memorised"),)
        rows = tuple(
            (percent(x, 2), percent(y), *(percent(float(curves[name][g])) for name in words))
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
            table=Table(columns=("false alarms", "strongest attack", *words.values()), rows=rows),
        )  # fmt: skip

    def _how(self, bank: Bank, points: Points, mask: np.ndarray) -> tuple[str, ...]:
        score = {
            "classes": "the margin of the label, log p \u2212 log (1 \u2212 p)",
            "values": "minus the absolute error",
        }.get(bank.data.output.kind, "log p of the whole passage")
        return (
            f"Each of the {len(mask)} members is attacked in turn; the others say how the score is distributed with "
            f"and without the {bank.noun(1)}. Likelihood ratio: log p(score | seen) \u2212 log p(score | not seen); "
            f"without models that saw the {bank.noun(1)}: \u2212log P(score or more | not seen). Score: {score}. "
            "The densities are Student's t: the variance of each side is that of the others, shrunk towards that of "
            f"all {bank.noun()} as far as these agree. One other member of the opposite side is set aside, so that "
            f"seen and unseen {bank.noun()} are judged by equally many. Each half of the members chooses the strongest "
            "attack for the other half, by AUC and again at each level of false alarms.",
            f"{count(points.positives)} judgements of training {bank.noun()}, {count(points.negatives)} of others. "
            f"Interval: {bank.noun()} (by groups) and attacked members drawn with replacement together; judgements "
            "taken as independent would give one several times too narrow. Levels with fewer than 30 false alarms "
            "behind them are withheld. Oracle 0.5, Rote 1.",
            "The model trained on everything has no non-members, so the members stand for the recipe. An attack is a "
            "lower bound: more members make it stronger, a better one may exist. Fails when members are few. Cost: no "
            "training of its own.",
        )


def _grid(negatives: int) -> tuple[float, ...]:
    """Levels of false alarms from the first that 30 of them stand behind; none where that is half of all."""
    if negatives < 60:
        return ()
    return tuple(float(x) for x in np.geomspace(30 / negatives * (1 + 1e-9), 1.0, GRID))
