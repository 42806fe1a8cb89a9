"""The gap of passages: bits a token where seen, where left out, and on new passages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from byheart.maths.statistics.effective_sample_size import TOO_FEW, Estimate, error_of_mean
from byheart.maths.statistics.intervals import budget_share_intervals
from byheart.maths.statistics.new_examples import new_examples_interval
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.generalization.gap.baselines import leads
from byheart.probes.generalization.gap.sides import why_no_new
from byheart.records.chart import Axis, Chart, Line, Rule, Table
from byheart.records.figures import count, interval_text, number, value_text
from byheart.records.finding import Finding, Pole
from byheart.records.quantity import Quantity

if TYPE_CHECKING:
    from byheart.probes.base import Bank, Probe
    from byheart.training.run import Run

WHERE = "interval: over fresh draws of passages and training set"


def of_passages(probe: Probe, bank: Bank, course: dict[str, Quantity]) -> tuple[Finding, dict[str, np.ndarray]]:
    """The finding of `generalization/gap` in bits a token; `course` is its time course of the held-out loss."""
    run = bank[bank.subject.bank()]
    mask, bits = run.members.mask, _bits(bank, "train", run)  # (c, m, n) a token
    inside, outside = side_means(bits[-1], mask)
    blind = float((run.views["train"].pool[0, :, 0] / np.log(2) / _counted(bank, "train")).mean())  # type: ignore[index]
    quantities = _sides(bank, run, blind)
    quantities |= _baseline(bank, blind)
    quantities |= course
    train, left_out, gap = (quantities[f"{name}_bits_a_token"] for name in ("train", "held_out", "gap"))
    test = quantities.get("test_bits_a_token")
    seen, unseen = (f"{value_text(one)} {interval_text(one)}" for one in (train, left_out))
    new = f"On {count(test.n)} new {bank.noun(test.n)}: {value_text(test)} {interval_text(test)}" if test else ""
    body = [f"{new} a token."] if test else []
    if baseline := quantities.get("ngram_held_out_bits_a_token"):
        theirs = quantities["ngram_train_bits_a_token"]
        body.append(
            f"Counts of the last two tokens (a 3-gram) need {value_text(baseline)} {interval_text(baseline)} where "
            f"left out, {value_text(theirs)} where seen."
        )
    return Finding(
        probe=probe.name,
        question=probe.question.replace("examples", bank.noun()),
        headline="gap_bits_a_token",
        says=f"a token: {seen} where seen, {unseen} on the same passages where left out",
        quantities=quantities,
        poles=(Pole(name="Oracle", value=0.0), Pole(name="Rote", value=blind, note="a lookup table, by definition")),
        body=tuple(body),
        charts=(_chart(bank, run, bits, blind, gap),),
        how=(
            "Bits a token = summed -log2 p of a passage over its counted tokens, as each model says it, without "
            "calibration. Where seen: under the members that saw the passage; where left out: the same passages "
            "under the others.",
            "Intervals: what other passages (copies together) and another draw of the training set would "
            "bring. Fails when near-duplicates stand in for one another. Cost: no training of its own.",
        ),
        reference=probe.reference,
    ), {"seen": inside, "held_out": outside}


def _sides(bank: Bank, run: Run, blind: float) -> dict[str, Quantity]:
    """Bits a token where seen, where left out, their gap, and on new passages, of the last checkpoint of a run."""
    mask, bits = run.members.mask, _bits(bank, "train", run)[-1]
    n, null = bits.shape[1], "null: tokens coded by their frequencies"
    parts = budget_share_intervals(np.ones(n), bits, mask, bank.groups)
    held = parts.understood

    def of(estimate: Estimate, how: str, **more) -> Quantity:
        interval = estimate.interval
        how = f"{how}; {WHERE}" if interval else f"{how}; {TOO_FEW}"
        fields = {"unit": "bits", "null": blind, "n": n, "better": "low", "speaks_of": "recipe", **more}
        return Quantity(value=estimate.value, interval=interval, how=how, **fields)

    quantities = {
        "train_bits_a_token": of(parts.left, f"members that saw the passage, bits a token; {null}"),
        "held_out_bits_a_token": of(
            held._replace(value=1 - held.value, low=1 - held.high, high=1 - held.low),
            f"members that did not, on the same passages; {null}",
        ),
        "gap_bits_a_token": of(parts.memorised, "left out less seen, on the same passages; null: 0", null=0.0),
    }
    if "test" in run.views and not why_no_new(bank):
        new = _bits(bank, "test", run)[-1]
        estimate = new_examples_interval(new, n, (~mask).sum(1), bank.data.new_copies)
        quantities["test_bits_a_token"] = of(estimate, f"mean over members on new passages; {null}", n=new.shape[1])
    return quantities


def _baseline(bank: Bank, blind: float) -> dict[str, Quantity]:
    """The same of the simplest baseline, counts of the last two tokens, on the first of the same subsets."""
    need = bank.subject.baseline("ngram")
    if need not in bank:
        return {}
    own = _bits(bank, "train", bank[bank.subject.bank()])[-1]
    found = leads(bank, own, bank[need], _bits(bank, "train", bank[need])[-1], "ngram", "bits")
    where = f"3-gram on the first {len(bank[need].members)} of the same subsets"
    return found | {
        f"ngram_{name}": quantity.model_copy(update={"how": f"{where}; {quantity.how}"})
        for name, quantity in _sides(bank, bank[need], blind).items()
    }


def _counted(bank: Bank, view: str) -> np.ndarray:
    """(n,) tokens of each passage that are counted."""
    return (bank.data.views[view].y >= 0).sum(1)


def _bits(bank: Bank, view: str, run) -> np.ndarray:
    """(c, m, n) bits a token of each passage."""
    return run.views[view].loss_nats.astype(np.float64) / np.log(2) / _counted(bank, view)


def _chart(bank: Bank, run, bits: np.ndarray, blind: float, gap: Quantity) -> Chart:
    points, mask = run.checkpoints, run.members.mask
    sides = [side_means(values, mask) for values in bits]
    series = {"left out": [out for _, out in sides], "seen": [seen for seen, _ in sides]}
    if "test" in run.views:
        series[f"new {bank.noun()}"] = [values.mean(0) for values in _bits(bank, "test", run)]
    roles = {"seen": "memorised", "left out": "understood"}
    # epoch 0 has no place on a logarithmic scale; the table keeps it
    drawn = [c for c, epoch in enumerate(points) if epoch > 0]
    lines = []
    for label, values in series.items():
        means = np.array([one.mean() for one in values])
        copies = bank.groups if label in roles else bank.data.new_copies
        half = np.array([error_of_mean(one, copies) for one in values])
        lines.append(
            Line(
                label=f"{label} {number(means[-1], 2)}",
                role=roles.get(label, "muted"),
                x=tuple(float(points[c]) for c in drawn),
                y=tuple(float(means[c]) for c in drawn),
                low=tuple(float(means[c] - half[c]) for c in drawn if np.isfinite(half[c])),
                high=tuple(float(means[c] + half[c]) for c in drawn if np.isfinite(half[c])),
            )
        )
    means = [[number(float(one.mean()), 3) for one in values] for values in series.values()]
    rows = tuple((str(epoch), *(column[c] for column in means)) for c, epoch in enumerate(points))
    return Chart(
        title="Bits a token over epochs",
        description="; ".join(line.label for line in lines),
        x=Axis(title="epoch", log=True, ticks=tuple(float(points[c]) for c in drawn)),
        y=Axis(title="bits a token"),
        lines=tuple(lines),
        rules=(Rule(axis="y", at=blind, label=f"tokens by their frequency {number(blind, 2)}"),),
        reading="Where the lines fall together it learns what holds for all; where only the line of what it saw "
        "falls it learns by heart. Bands are 95 % intervals over passages; the scale of epochs is logarithmic.",
        table=Table(columns=("epoch", *series), rows=rows),
    )
