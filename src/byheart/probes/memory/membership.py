"""Can somebody who holds the model tell who was in the training set? Membership inference from the bank."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from byheart.maths.memorisation.membership import likelihood_ratio
from byheart.maths.memorisation.strongest_attack import cross_scored, strongest
from byheart.maths.statistics.detection import (
    FALSE_ALARMS,
    Point,
    Points,
    detection_curve,
    example_risk,
    operating_points,
)
from byheart.maths.statistics.few_members import few_members_auc
from byheart.maths.statistics.ranks import wilson
from byheart.maths.statistics.seen_unseen import FEWEST_MEMBERS, sides
from byheart.probes.base import Assumption, Bank, Probe
from byheart.probes.intervals import estimate, line
from byheart.probes.ranking import first_of
from byheart.records.facts import Axis, Curve, FactTable, Ranked
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, interval_by

LEVELS = (0.01, 0.001)
DRAWS, FEWER_DRAWS = 400, 150
GRID = 24
HALF = 0.5  # of the models: an example is exposed where the attack is right about it in more
TWO_WAY = "two-way bootstrap over examples (groups together) and attacked members"

Pair = tuple[str, str]  # the attack that scores the first half of the members, and that of the second


class Membership(Probe):
    r"""Can somebody who holds the model tell who was in the training set?

    Each member is attacked in turn, the others are the shadow models. Three attacks: online, log p(score | saw it) -
    log p(score | did not), both densities from the others; offline, how far the score stands above those that did not
    see it; and the score alone: the margin of the label (for values minus the absolute error, for passages log p).
    One threshold for all gives the ROC. What is reported is the strongest, chosen on one half of the members and
    scored on the other, both ways: membership_auc by AUC, and for 1 % and 0.1 % false alarms the share of members
    found by the attack that finds most there. Labels redrawn by the control do not count. The model trained on
    everything has no non-members, so it cannot be attacked. Per example: risk, the share of non-members it stands out
    from; the mean of the risks is the AUC. Fewer than eight members are no shadow models: the score alone, all pairs.

    Oracle: 0.5. Rote: 1. Cost: no training of its own. Fails when: members are few (the attack is then weaker than the
    one a patient attacker would mount: a lower bound). Reference: Carlini et al. 2022, Membership inference attacks
    from first principles, algorithm 1; Bayesian variance: Brannvall 2026, Exponential-family membership inference,
    arXiv 2603.11799; two-way bootstrap: Owen 2007, The pigeonhole bootstrap; the score alone: Yeom et al. 2018, Privacy
    risk in machine learning.

    Example:
        >>> Membership().chapter
        'memory'
    """

    name: ClassVar[str] = "memory/membership"
    version: ClassVar[int] = 8
    assumes: ClassVar[tuple[Assumption, ...]] = ("both sides", "draws")
    fewest_members: ClassVar[int] = 1

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """The attack with and without models that saw the example, its baseline, and the risk of every example."""
        run = bank[bank.subject.bank()]
        # by id, so that the draws of the bootstrap do not depend on the order of the examples
        by_id = np.argsort(bank.data.train.ids, kind="stable")
        mask, counted = run.members.mask[:, by_id], bank.counted[by_id]
        if len(mask) < FEWEST_MEMBERS:
            rows = np.flatnonzero(bank.counted)
            return self._by_loss_alone(bank, attack_score(bank)[:, rows], run.members.mask[:, rows], rows), {}
        attacks = attack_scores(attack_score(bank)[:, by_id], mask, counted)
        among = {name: score[:, counted] for name, score in attacks.items()}
        seen, groups = mask[:, counted], bank.groups[by_id][counted]
        if lacking := self._too_few(bank, among["online"], seen):
            return lacking, {}

        def points_of(score: np.ndarray, *names: str, levels=LEVELS, draws=FEWER_DRAWS) -> Points:
            return operating_points(score, seen, self.rng(bank, *names), levels, groups, draws)

        grid = _grid(int((sides(seen)[1] & ~np.isnan(among["online"])).sum()))
        pairs = strongest(among, seen, LEVELS)  # by AUC, then at each level
        scores = {pair: cross_scored(attacks, mask, pair) for pair in pairs}
        best = points_of(scores[pairs[0]][:, counted], *pairs[0], levels=(*LEVELS, *grid), draws=DRAWS)
        others = {pair: points_of(score[:, counted], *pair) for pair, score in scores.items() if pair != pairs[0]}
        redrawn = {pairs[0]: best, **others}
        at = [redrawn[pair].points[i] for i, pair in enumerate(pairs[1:])]
        alone = {name: redrawn.get((name, name)) or points_of(score, name) for name, score in among.items()}

        back = np.argsort(by_id, kind="stable")
        columns = {"risk": example_risk(scores[pairs[0]], mask)[back]}
        if at[0].value is not None:
            caught = caught_share(scores[pairs[1]], mask, at[0].false_alarms)
            columns |= {name: values[back] for name, values in caught._asdict().items()}
        finding = self.finding(
            _quantities(bank, best, at, alone),
            headline="membership_auc",
            poles=(Pole(name="Oracle", value=0.5), Pole(name="Rote", value=1.0)),
            curves=_curves(grid, best.points[len(LEVELS) :], among, seen, pairs[0]),
            tables={"levels": _levels(bank, at, pairs[1:])},
            ranked={"most_exposed": ranked} if (ranked := _most_exposed(bank, run.members.mask, columns)) else {},
            details={
                "strongest": pairs[0], "members": len(mask), "judged_seen": best.positives,
                "judged_unseen": best.negatives, "false_alarms_needed": FALSE_ALARMS,
                **_planted(bank, columns.get("found_at_1_percent")),
            },
        )  # fmt: skip
        return finding, columns

    def _by_loss_alone(self, bank: Bank, score: np.ndarray, seen: np.ndarray, rows: np.ndarray) -> Finding:
        """Of few members, who are no shadow models of one another: one threshold on the loss, over all pairs."""
        found = few_members_auc(score, seen, bank.groups[rows])
        auc = estimate(found, unit="auc", null=0.5, n=len(rows), better="low")
        return self.finding(
            {"membership_auc": auc, "loss_threshold_auc": auc},
            headline="membership_auc",
            poles=(Pole(name="Oracle", value=0.5), Pole(name="Rote", value=1.0)),
            details={
                "by_loss_alone": True, "strongest": ("loss_threshold", "loss_threshold"), "members": len(seen),
                "judged_seen": int(seen.sum()), "judged_unseen": int(seen.size - seen.sum()),
            },
        )  # fmt: skip

    def _too_few(self, bank: Bank, ratio: np.ndarray, mask: np.ndarray) -> NotApplicable | None:
        judged = ~np.isnan(ratio)
        saw, unseen = sides(mask)
        if (judged & saw).any(0).all() and (judged & unseen).any():
            return None
        m = len(mask)
        needed = int(np.ceil(2 / (1 - bank.subject.seen_share))) + 1
        return self.not_applicable("nobody left to judge", members=m, needed=max(needed, m + 2))


def attack_score(bank: Bank) -> np.ndarray:
    """(m, n) what is judged of each member: the margin of the label; minus the absolute error of a value; log p of a
    whole passage.

    On diabetes (442 values, 32 members) the absolute error gave AUC 0.770, its square 0.761, the log of it 0.735.
    """
    train = bank[bank.subject.bank()].views["train"]
    if train.margin is not None:
        return train.margin[-1].astype(np.float64)
    if bank.data.output.passages:
        return -train.loss_nats[-1].astype(np.float64)
    return -np.sqrt(train.loss_nats[-1].astype(np.float64))


def attack_scores(score: np.ndarray, mask: np.ndarray, counted: np.ndarray) -> dict[str, np.ndarray]:
    """(m, n) of each attack. Labels of the control say nothing of others, and their non-members are no false alarms."""
    attacks = {"online": np.full(score.shape, np.nan), "offline": np.full(score.shape, np.nan), "loss_threshold": score}
    for part in (counted, ~counted):
        for name in ("online", "offline"):
            attacks[name][:, part] = likelihood_ratio(score[:, part], mask[:, part], online=name == "online")
    return {name: np.where(sides(mask)[1] & ~counted, np.nan, values) for name, values in attacks.items()}


class Caught(NamedTuple):
    """What the attack at 1 % false alarms says of each example, (n,) each.

    Attributes:
        found_at_1_percent: of the members that saw it, the share where it is found; NaN where none is judged.
        taken_at_1_percent: of the members that did not, the share where it is taken for a training example.
        exposed: 1 where it is found in more than half of the one and taken in less than half of the other, both beyond
            Wilson's interval: the attack is right about it, and does not take it for one in any case.
    """

    found_at_1_percent: np.ndarray
    taken_at_1_percent: np.ndarray
    exposed: np.ndarray


def caught_share(score: np.ndarray, mask: np.ndarray, false_alarms: int) -> Caught:
    """What is found of each example at the price of so many false alarms among all."""
    judged = [side & ~np.isnan(score) for side in sides(mask)]
    above = score > np.sort(score[judged[1]])[::-1][false_alarms]
    n, hits = (np.array([one.sum(0) for one in chosen]) for chosen in (judged, [side & above for side in judged]))
    low, high = wilson(hits, np.maximum(n, 1))
    exposed = (n > 0).all(0) & (low[0] > HALF) & (high[1] < HALF)
    with np.errstate(invalid="ignore"):  # nobody judged: NaN
        return Caught(*(hits / n), exposed.astype(np.int64))


def _grid(negatives: int) -> tuple[float, ...]:
    """Levels of false alarms from the first that 30 of them stand behind; none where that is half of all."""
    if negatives < 2 * FALSE_ALARMS:
        return ()
    return tuple(float(x) for x in np.geomspace(FALSE_ALARMS / negatives * (1 + 1e-9), 1.0, GRID))


def _level_name(level: float) -> str:
    return f"tpr_at_fpr_{100 * level:g}_percent"


def _quantities(bank: Bank, best: Points, at: list[Point], alone: dict[str, Points]) -> dict[str, Quantity]:
    found, facts = {}, {"n": int(bank.counted.sum()), "better": "low"}
    found["membership_auc"] = _auc(best, facts)
    for point in at:
        if point.value is not None and point.interval is not None:
            interval = interval_by(TWO_WAY, point.interval)
            found[_level_name(point.level)] = Quantity(
                value=point.value, unit="share", null=point.level, **interval, **facts
            )
    return found | {f"{name}_auc": _auc(points, facts) for name, points in alone.items()}


def _auc(points: Points, facts: dict[str, Any]) -> Quantity:
    return Quantity(value=points.auc, unit="auc", null=0.5, **interval_by(TWO_WAY, points.auc_interval), **facts)


def _levels(bank: Bank, at: list, pairs: tuple[Pair, ...]) -> FactTable:
    """Each level of false alarms: the attacks chosen there, and how many members would put 30 behind it."""
    left_out, n = 1 - bank.subject.seen_share, int(bank.counted.sum())
    needed = (int(np.ceil(FALSE_ALARMS / (point.level * n * left_out))) for point in at)
    rows = [
        (_level_name(point.level), point.level, point.false_alarms, members, *pair)
        for point, members, pair in zip(at, needed, pairs)
    ]
    names = "quantity", "level", "false_alarms", "members_needed", "first_half", "second_half"
    return FactTable(values=dict(zip(names, zip(*rows))))


def _planted(bank: Bank, caught: np.ndarray | None) -> dict[str, Any]:
    """Shares found at 1 % of the labels that were changed and of those as they came; nothing where one is absent."""
    if caught is None:
        return {}
    judged, changed = np.isfinite(caught), bank.changed
    kinds = {"found_of_redrawn": caught[changed & judged], "found_of_others": caught[~changed & bank.counted & judged]}
    return {name: float(found.mean()) for name, found in kinds.items()} if all(map(len, kinds.values())) else {}


def _curves(grid, points, attacks: dict[str, np.ndarray], mask: np.ndarray, best: Pair) -> dict[str, Curve]:
    """Found by false alarms: the strongest attack with its band, and the others."""
    # ties can leave a level with fewer false alarms behind it than it promised: it is withheld, and not drawn
    drawn = [(x, point) for x, point in zip(grid, points) if point.value is not None and point.interval]
    x = tuple(level for level, _ in drawn)
    axes = {"x_axis": Axis(name="false alarms", unit="share"), "y_axis": Axis(name="found", unit="share")}
    along = {**axes, "x": x, "null": x}
    curves = {"strongest": Curve(**along, **line([point for _, point in drawn]))}
    for name, score in attacks.items():
        if (name, name) != best:
            curves[name] = Curve(**along, y=np.interp(x, *detection_curve(score, mask)))
    return curves if drawn else {}


def _most_exposed(bank: Bank, mask: np.ndarray, columns: dict[str, np.ndarray]) -> Ranked | None:
    """The most exposed examples, labels we redrew first: in how many of the members that saw it each is found."""
    train, risk, caught = bank.data.train, columns["risk"], columns.get("found_at_1_percent")
    first = risk if caught is None else caught
    order = np.lexsort((train.ids, -np.round(risk, 9), -np.round(first, 9)))
    planted = bank.changed
    rows = first_of(order[(risk[order] > 0.5 + 1e-9) & np.isfinite(first[order])], planted)
    if not len(rows):
        return None
    saw = mask[:, rows].sum(0)
    figures: dict[str, np.ndarray] = {} if bank.data.output.passages else {"label": train.y[rows]}
    figures |= {"redrawn": planted[rows], "risk": risk[rows], "saw": saw}
    if caught is not None:
        figures["found_in"] = np.round(caught[rows] * saw).astype(int)
    return Ranked(ids=train.ids[rows], figures=figures)
