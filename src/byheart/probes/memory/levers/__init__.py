"""What does each lever move? The recipe with one lever at a time, on the same subsets from the same seeds."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.statistics.effective_sample_size import Estimate, complement
from byheart.maths.statistics.intervals import BudgetShares, budget_share_intervals
from byheart.maths.statistics.paired import paired_shares
from byheart.probes.base import Assumption, Bank, Cost, Need, Probe, Subject
from byheart.probes.intervals import FRESH_DRAWS, estimate
from byheart.probes.memory.levers.dials import Dial, dials_of
from byheart.probes.setting_scores import Held, Judge
from byheart.records.facts import FactTable
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, Unit

PAIRED = f"{FRESH_DRAWS}, paired"
PLAIN = "plain"  # the recipe as it is, in the place of a lever's name


class Levers(Probe):
    r"""What does each lever move?

    The recipe is trained again with one lever more, on the first of the same subsets and from the same seeds, for each
    of a few levers at a usual setting. Of each: by how much the share memorised changes, and what is gained where left
    out (bits a label saved, accuracy, R2), member by member paired. Where it is known which labels are wrong, also

        noise_memorised = share of the wrong labels that members give which saw them, less that of those which did not
        clean_fitted = share of the right labels that members give which saw them

    which is the dial between fitting and memorising: two recipes that fit the right labels alike may hold most of the
    wrong ones by heart, or almost none.

    Rote: noise_memorised 1; Oracle: 0. Null of a change: 0. Cost: a quarter of the members again for each lever. Fails
    when: a lever's usual setting is far from its best; then it is the setting that is judged (`byheart balance` looks
    for a better one). Reference: Arpit et al. 2017, A closer look at memorization in deep networks, section 4 (what
    dropout does to noise and to right labels).

    Example:
        >>> Levers().chapter
        'memory'
    """

    name: ClassVar[str] = "memory/levers"
    cost: ClassVar[Cost] = "on request"
    assumes: ClassVar[tuple[Assumption, ...]] = ("both sides", "halves")
    dials: tuple[str, ...] = ()
    members: int = 16

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank, and some of its members under each lever."""
        if not subject.learner.fleet:
            why = f"levers act in the training steps of networks, and {subject.learner.name} has none that are ours"
            return self.not_applicable("other", why=why, advice="`byheart balance` tries the settings of a model.")
        return (subject.bank(), *(dial.need(subject, self._members(subject)) for dial in self._dials(subject)))

    def _members(self, subject: Subject) -> int:
        return min(self.members, subject.members)

    def _dials(self, subject: Subject) -> tuple[Dial, ...]:
        return dials_of(subject, self.dials)

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """A row for each lever, the recipe first."""
        judge, m = Judge.of(bank.data, bank.subject.seed), self._members(bank.subject)
        control = bank.data.truth.control
        run = bank[bank.subject.bank()]
        reference, plain = judge.reference(run, control), judge.held(run, 0, m, control)
        noise = bank.changed[bank.counted]
        found = _of(PLAIN, judge, plain, reference, noise)
        rows, lost = [_row("the recipe", PLAIN, found)], []
        for dial in self._dials(bank.subject):
            need = dial.need(bank.subject, m)
            if need not in bank or len(bank[need].members) < m:
                lost.append(dial.title)
                continue
            held = judge.held(bank[need], 0, m, control)
            found |= _of(dial.name, judge, held, reference, noise)
            found |= _change(dial.name, judge, plain, held, reference, noise)
            rows.append(_row(dial.title, dial.name, found))
        columns = {key: tuple(row[key] for row in rows) for key in rows[0]}
        headline = f"{PLAIN}_noise_memorised" if noise.any() else f"{PLAIN}_memorised"
        finding = self.finding(
            found,
            headline=headline,
            poles=(Pole(name="Oracle", value=0.0), Pole(name="Rote", value=1.0)),
            tables={"levers": FactTable(values=columns)},
            details={
                "members": m, "noise": int(noise.sum()), "score": judge.score, "lost": tuple(lost),
                "unit": judge.unit,
            },
        )  # fmt: skip
        return finding, {}


def _row(title: str, name: str, found: dict[str, Quantity]) -> dict[str, str | float | None]:
    parts = ("memorised", "held_out", "noise_memorised", "clean_fitted")
    known = {part: one.value if (one := found.get(f"{name}_{part}")) else None for part in parts}
    return {"lever": title, "name": name, **known}


def _of(name: str, judge: Judge, held: Held, reference: np.ndarray | None, noise: np.ndarray) -> dict[str, Quantity]:
    """What a recipe memorises, how it does where left out, and what it does with wrong labels and right ones."""
    n, score = len(noise), judge.score
    output = judge.data.output
    chance = {"accuracy": judge.data.most_frequent if output.labelled else 0.0, "r2": 0.0}.get(score)
    made = {
        f"{name}_memorised": estimate(
            judge.parts(held, reference).memorised, unit="share", null=0.0, n=n, better="low"
        ),
        f"{name}_held_out": estimate(
            judge.right(held), unit=score, null=chance, n=n, better="low" if score == "bits" else "high"
        ),
    }  # fmt: skip
    if noise.any() and not noise.all():
        wrong, right = (_sides(judge, held, rows) for rows in (noise, ~noise))
        made[f"{name}_noise_memorised"] = estimate(
            wrong.memorised, unit="share", null=0.0, n=int(noise.sum()), better="low"
        )
        made[f"{name}_clean_fitted"] = estimate(
            complement(right.left), unit="accuracy", null=chance, n=int((~noise).sum()), better="high"
        )
    return made


def _sides(judge: Judge, held: Held, rows: np.ndarray) -> BudgetShares:
    ones = np.ones(int(rows.sum()))
    return budget_share_intervals(ones, held.wrong[:, rows], held.mask[:, rows], judge.data.groups[rows])


def _change(
    name: str, judge: Judge, plain: Held, held: Held, reference: np.ndarray | None, noise: np.ndarray
) -> dict[str, Quantity]:
    """By how much a lever moves each, paired."""
    n = len(noise)
    score: Unit = "points" if judge.score == "accuracy" else judge.score  # type: ignore[assignment]

    def told(of: Estimate, unit: Unit, count: int, better: str) -> Quantity:
        return estimate(of, unit=unit, null=0.0, n=count, better=better).model_copy(update={"method": PAIRED})

    made = {
        f"{name}_memorised_change": told(judge.memorised(plain, held, reference), "points", n, "low"),
        f"{name}_gain": told(judge.gain(plain, held), judge.unit, n, "high"),  # type: ignore[arg-type]
        f"{name}_held_out_change": told(judge.righter(plain, held), score, n, "high"),
    }
    if noise.any() and not noise.all():
        for part, rows, better in (("noise_memorised", noise, "low"), ("clean_fitted", ~noise, "high")):
            ones = np.ones(int(rows.sum()))
            pair = (one.wrong[:, rows] for one in (plain, held))
            shares = paired_shares(ones, *pair, plain.mask[:, rows], judge.data.groups[rows])
            left = shares.left._replace(value=-shares.left.value, low=-shares.left.high, high=-shares.left.low)
            of = shares.memorised if part == "noise_memorised" else left
            made[f"{name}_{part}_change"] = told(of, "points", int(rows.sum()), better)
    return made
