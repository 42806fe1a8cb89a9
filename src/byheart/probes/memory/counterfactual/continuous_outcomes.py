"""Memorisation scores where an outcome has no right or wrong: values and passages. Ranked, no share is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from byheart.maths.memorisation.counterfactual import Reliability, memorisation, shuffled, split_half_reliability
from byheart.maths.statistics.intervals import budget_share_intervals
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.base import Bank, Probe
from byheart.probes.heavy_tail import targets_in_units
from byheart.probes.intervals import FRESH_DRAWS
from byheart.records.facts import Axis, Curve, Ranked, Scalar
from byheart.records.finding import Finding, Pole
from byheart.records.quantity import Quantity, interval_by

if TYPE_CHECKING:
    from byheart.training.run import Run

SHUFFLES = 20


def continuous(probe: Probe, bank: Bank, run: Run) -> tuple[Finding, dict[str, np.ndarray]]:
    """The finding of `memory/counterfactual` for values (minus squared error) and passages (minus bits)."""
    mask, counted, train = run.members.mask, bank.counted, run.views["train"]
    tokens = bank.data.output.passages
    unit = np.log(2) if tokens else float(targets_in_units(bank).var(0).mean())
    outcome = -train.loss_nats[-1].astype(np.float64) / unit
    score, error = memorisation(outcome, mask)
    of_all, n = (outcome[:, counted], mask[:, counted]), int(counted.sum())
    masks = (shuffled(of_all[1], probe.rng(bank, "null", s)) for s in range(SHUFFLES))
    null = [np.nanmean(memorisation(of_all[0], by_chance).score) for by_chance in masks]
    gain = budget_share_intervals(np.ones(n), -of_all[0], of_all[1], bank.groups[counted]).memorised
    unit_of_mean, null = "bits" if tokens else "ratio", float(np.mean(null))
    mean = Quantity(
        value=float(score[counted].mean()), unit=unit_of_mean, null=null, n=n, better="low",
        **interval_by(FRESH_DRAWS, gain.interval),
    )  # fmt: skip
    halves = split_half_reliability(*of_all, probe.rng(bank, "halves"))
    rote = float(train.pool[:, :, 0].mean() / np.log(2)) if tokens else 1.0  # type: ignore[index]
    order = np.lexsort((bank.data.train.ids, -np.round(score, 12)))
    by_chance = memorisation(of_all[0], shuffled(of_all[1], probe.rng(bank, "chart"))).score
    finding = probe.finding(
        {"memorisation_mean": mean, **reliability("probability", halves, n)},
        question=f"Which {bank.noun()} are {'easier' if tokens else 'fitted'} only because they were trained on?",
        headline="memorisation_mean",
        poles=(Pole(name="Oracle", value=0.0), Pole(name="Rote", value=rote, note="a lookup table")),
        curves={"share_by_score": _curve(score[counted], by_chance)},
        ranked={"most_memorised": (_passages if tokens else _values)(bank, run, order, score)},
        details=left_out(bank, mask),
    )
    ranks = np.argsort(order, kind="stable").astype(np.int64)
    return finding, {"score": score, "standard_error": error, "rank": ranks}


def _curve(score: np.ndarray, by_chance: np.ndarray) -> Curve:
    """Share of examples by score."""
    grid = np.quantile(np.abs(score), np.linspace(0, 0.999, 60))
    above, chance = ([float((values >= x).mean()) for x in grid] for values in (score, by_chance))
    axes = {"x_axis": Axis(name="score at least"), "y_axis": Axis(name="share of examples", unit="share")}
    return Curve(**axes, x=grid, y=above, null=chance)


def _values(bank: Bank, run: Run, order: np.ndarray, score: np.ndarray) -> Ranked:
    """Twelve values, and the mean of what members that did not see them say."""
    rows, y, out, said = order[:12], bank.data.train.y, run.members.unseen, run.views["train"].logits
    if y.ndim > 1:
        return Ranked(ids=bank.data.train.ids[rows], figures={"score": score[rows]})
    others = [float(said[out[:, i], i, 0].mean()) for i in rows]  # type: ignore[index]
    return Ranked(ids=bank.data.train.ids[rows], figures={"label": y[rows], "predicted": others, "score": score[rows]})


def _passages(bank: Bank, run: Run, order: np.ndarray, score: np.ndarray) -> Ranked:
    """Twelve passages, and their bits where seen and where left out."""
    # copies of one passage are one row: the next that differs is worth more
    first = order[np.sort(np.unique(bank.groups[order], return_index=True)[1])]
    seen, out = side_means(run.views["train"].loss_nats[-1].astype(np.float64) / np.log(2), run.members.mask)
    rows = first[:12]
    figures = {"seen_bits": seen[rows], "left_out_bits": out[rows], "score": score[rows]}
    return Ranked(ids=bank.data.train.ids[rows], figures=figures)


def left_out(bank: Bank, mask: np.ndarray) -> dict[str, Scalar]:
    """How many members there are, how many left an example out, and whether copies were left out together."""
    out = len(mask) - mask.sum(0)
    copies = len(np.unique(bank.groups)) < len(bank.groups)
    least, most = int(out.min()), int(out.max())
    return {"members": len(mask), "left_out_least": least, "left_out_most": most, "copies_together": copies}


def reliability(form: str, of: Reliability, n: int) -> dict[str, Quantity]:
    """The rank correlation of scores of two halves of the members, as a quantity; none where it is NaN."""
    if not np.isfinite(of.mean):
        return {}
    half = 1.96 * of.sd
    spread = (max(-1.0, of.mean - half), min(1.0, of.mean + half)) if np.isfinite(half) else None
    interval = interval_by("spread over splits", spread, "one split")
    facts = {"unit": "correlation", "null": 0.0, "n": n, "better": "high"}
    return {f"reliability_{form}": Quantity(value=of.mean, **interval, **facts)}
