"""How much worse is it on examples it has not seen? The gap, and its time course."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.codes.temperature import temperature
from byheart.maths.statistics.effective_sample_size import worth
from byheart.maths.statistics.new_examples import new_r2_interval
from byheart.maths.statistics.ranks import wilson
from byheart.maths.statistics.resampling import around, bootstrap, percentiles
from byheart.maths.statistics.seen_unseen import FEWEST_MEMBERS, side_columns
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.probes.generalization.gap.baselines import leads, members_of_baselines
from byheart.probes.generalization.gap.passages import of_passages
from byheart.probes.generalization.gap.seen_unseen import Sides, why_no_new
from byheart.probes.heavy_tail import heavy_tail, targets_in_units, without_r2
from byheart.probes.interval_sources import source_of
from byheart.probes.intervals import BOOTSTRAP
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, interval_by
from byheart.training.run import Run

BASELINES = ("neighbours", "linear", "ridge", "lagged")


class Gap(Probe):
    r"""How much worse is it on examples it has not seen?

    train = mean over training examples of the accuracy of members that saw them; held out = the same examples and
    labels under the members that did not; gap = train - held out [points]. The clean test view stands apart, since
    its labels may be cleaner. For values R2 takes the place of accuracy, for passages bits a token.

    Oracle: gap 0. Rote: 1 minus the share of its guess. Cost: no training of its own. Fails when: near-duplicates of an
    example stand in for it. Reference: Zhang et al. 2017, Understanding deep learning requires rethinking
    generalization, section 2; subset form: Feldman and Zhang 2020, section 3.

    Example:
        >>> Gap().chapter
        'generalization'
    """

    name: ClassVar[str] = "generalization/gap"
    version: ClassVar[int] = 12
    fewest_members: ClassVar[int] = 1

    outputs: ClassVar[tuple[str, ...]] = (*Probe.outputs, "columns", "series", "next step")

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank, the one model on everything, and the simplest baselines."""
        if "tokens" in subject.offers:
            return (subject.bank(), subject.whole(), subject.baseline("ngram"))
        if "series" in subject.offers:
            return (subject.bank(), subject.whole(), subject.baseline("lagged"))
        offers = subject.offers
        linear = ["ridge"] if offers & {"values", "columns", "next step"} else ["linear"] if "table" in offers else []
        return (subject.bank(), subject.whole(), *(subject.baseline(name) for name in ("rote", "neighbours", *linear)))

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Accuracies (or R2) on both sides and on the test view, over the checkpoints, with the baselines."""
        everything, bank = bank, bank.of_rows(bank.counted)
        run = bank[bank.subject.bank()]
        if bank.data.output.passages:
            return of_passages(self, bank, self._course(bank, run))
        if bank.data.output.continuous and (few := heavy_tail(bank)):
            return without_r2(self, bank, self.question, few, self._course(bank, run)), {}
        sides = Sides(bank, run, self.rng(bank, "bootstrap"))
        quantities = sides.quantities()
        quantities |= sides.disagreement()
        quantities |= self._one_model(bank, sides)
        quantities |= self._baselines(bank, sides)
        quantities |= self._course(bank, run)
        quantities |= self._sharpness(bank, run)
        rote = Pole(name="Rote", value=self._rote_gap(bank, sides.classes), note="a lookup table")
        finding = self.finding(
            quantities,
            question=self.question.replace("examples", bank.noun()),
            headline="gap",
            poles=(Pole(name="Oracle", value=0.0), rote),
            curves=sides.courses(),
            details={
                "score": sides.unit,
                "changed": int(bank.changed.sum()),
                "no_new": why_no_new(bank),
                "baseline_members": members_of_baselines(bank, *BASELINES),
                **source_of(sides.parts.memorised.sources),
            },
        )
        few = len(run.members) < FEWEST_MEMBERS
        return finding, {} if few else everything.on_all({"seen": sides.inside, "held_out": sides.outside})

    def _rote_gap(self, bank: Bank, classes: bool) -> float:
        """The gap of a lookup table: measured where it was run, else from the likeliest class."""
        need = bank.subject.baseline("rote")
        if need in bank:
            rote = Sides(bank, bank[need], self.rng(bank, "rote"))
            return float((rote.inside - rote.outside).mean()) * (1 if classes else -1)
        return 1 - bank.data.most_frequent if classes else 1.0

    def _one_model(self, bank: Bank, sides: Sides) -> dict[str, Quantity]:
        need = bank.subject.whole()
        if need not in bank:
            return {}
        found = {}
        for view in ("train", "test"):
            outcomes = bank[need].views.get(view)
            if outcomes is None or (view == "test" and why_no_new(bank)):
                continue
            y, copies = targets_in_units(bank, view), bank.groups if view == "train" else bank.data.new_copies
            if outcomes.correct is not None:
                right = outcomes.correct[-1, 0]
                value, draws = float(right.mean()), worth(copies)
                made = interval_by("Wilson over examples", wilson(right.sum() / len(right) * draws, draws))
            else:
                found_r2 = new_r2_interval(outcomes.loss_nats[-1], y, len(bank.data.train), groups=copies)
                value, made = found_r2.value, interval_by("fresh draws of examples", found_r2.interval)
            found[f"one_model_{view}_{sides.unit}"] = Quantity(
                value=value, unit=sides.unit, null=sides.chance, n=len(y), better="high", speaks_of="run", **made
            )  # fmt: skip
        return found

    def _baselines(self, bank: Bank, sides: Sides) -> dict[str, Quantity]:
        found = {}
        for name in BASELINES:
            need = bank.subject.baseline(name)
            if need in bank:
                run = bank[need]
                baseline = Sides(bank, run, self.rng(bank, "baseline", name))
                quantities = baseline.quantities()
                for side in ("train", "held_out", "test"):
                    if quantity := quantities.get(f"{side}_{sides.unit}"):
                        found[f"{name}_{side}_{sides.unit}"] = quantity
                unit = "points" if sides.classes else "r2"
                found |= leads(bank, sides.errors(), run, baseline.errors(), name, unit)
        return found

    def _sharpness(self, bank: Bank, run: Run) -> dict[str, Quantity]:
        """The temperature that would mend probabilities where left out, and what it would save."""
        outputs = run.about.get("outputs", "logits")
        if not bank.data.output.labelled or outputs not in ("logits", "probabilities"):
            return {}
        train, rows = bank.data.train, bank.counted
        found = temperature(
            run.views["train"].logits[:, rows], train.y[rows], run.members.mask[:, rows], bank.subject.seed,
            ids=train.ids[rows], groups=bank.groups[rows],
        )  # fmt: skip
        columns = np.stack([found.raw_bits - found.tempered_bits, found.raw_bits], 1)
        drawn = bootstrap(columns, groups=bank.groups[rows], rng=self.rng(bank, "temperature"))
        n = len(columns)
        gain, raw = (interval_by(BOOTSTRAP, drawn.mean(column) if drawn.known else None) for column in (0, 1))
        return {
            "held_out_temperature": Quantity(
                value=found.temperature, unit="ratio", interval=None, null=1.0, n=n, why_no_interval="not made"
            ),
            "held_out_temperature_gain": Quantity(
                value=float(columns[:, 0].mean()), unit="bits", null=0.0, n=n, better="low", **gain
            ),
            "held_out_raw_bits": Quantity(
                value=float(columns[:, 1].mean()), unit="bits", null=float(np.log2(bank.data.output.k)), n=n,
                better="low", **raw,
            ),
        }  # fmt: skip

    def _course(self, bank: Bank, run: Run) -> dict[str, Quantity]:
        """Where the held-out loss was smallest, and what it was there and at the end."""
        if len(run.checkpoints) < 3:
            return {}
        mask, losses = run.members.mask, run.views["train"].loss_nats
        held = np.stack([side_columns(losses[c].astype(np.float64), mask)[1] for c in range(len(losses))])  # (c, n)
        means = held.mean(1)
        best = int(means.argmin())
        resampled = bootstrap(held.T, groups=bank.groups, rng=self.rng(bank, "course"))
        arg = np.array(run.checkpoints)[resampled.sums.argmin(1)]
        measured = float(means[-1] - means[best])
        unit = "squared error" if bank.data.output.continuous else "nats"
        rise = resampled.sums[:, -1] / resampled.counts - resampled.sums[:, best] / resampled.counts
        rise = measured + resampled.stretch * (rise - measured)
        ends = (
            resampled.mean(len(means) - 1), around(float(run.checkpoints[best]), arg), percentiles(rise)
        )  # fmt: skip
        last, at, rises = (interval_by(BOOTSTRAP, one if resampled.known else None) for one in ends)
        n = held.shape[1]
        return {
            "held_out_loss": Quantity(
                value=float(means[-1]), unit=unit, null=float(means[0]), n=n, better="low", **last
            ),
            "best_epoch": Quantity(
                value=float(run.checkpoints[best]), unit="epochs", null=float(run.checkpoints[-1]), n=n, **at
            ),
            "held_out_loss_rise": Quantity(value=measured, unit=unit, null=0.0, n=n, better="low", **rises),
        }  # fmt: skip
