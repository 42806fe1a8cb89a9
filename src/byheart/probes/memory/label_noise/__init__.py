"""Which labels are worth checking, and are they memorised? Memorisation against held-out loss."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from byheart.maths.codes.bank import bank_lengths
from byheart.maths.memorisation.counterfactual import memorisation
from byheart.maths.statistics.effective_sample_size import Estimate
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.applicability import reason
from byheart.probes.base import Assumption, Bank, Need, Probe, Subject
from byheart.probes.baselines import of_other_families
from byheart.probes.density import density
from byheart.probes.intervals import area, estimate, share
from byheart.probes.memory.label_noise.baseline import AGREE, BITS, Bets, baseline_of, bets
from byheart.probes.memory.label_noise.residual import of_values
from byheart.probes.ranking import first_of, held_out_votes
from byheart.records.facts import FactTable, Ranked, Scalar
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity
from byheart.training.run import Run

THRESHOLD = 0.25  # memorisation score from which a label counts as memorised
MARKS = 1000  # of one sort on the map; more than these are binned
NONE = -1  # the class that most members predict, where two are equally frequent
LEAST_BITS = 0.003  # where the map begins: its axis is logarithmic
POLES = (Pole(name="Rote", value=0.5, note="where classes are equally frequent"), Pole(name="Oracle", value=1.0))


class Labels(NamedTuple):
    """What the members say of each label, (n,) each.

    Attributes:
        own: what members without it pay for it.
        accuracy: where left out, of recipe and baseline the lower; None without a baseline.
        listed: worth checking: recipe and baseline bet against it, and both know something of labels left out.
        planted: changed by us; nowhere, where all are or none is.
        score: memorisation score.
        seen_right: share of the members that saw it and are right.
        unseen_right: the same of those that did not.
    """

    own: Bets
    accuracy: Estimate | None
    listed: np.ndarray
    planted: np.ndarray
    score: np.ndarray
    seen_right: np.ndarray
    unseen_right: np.ndarray

    @property
    def memorised(self) -> np.ndarray:
        """(n,) bool."""
        return self.score >= THRESHOLD - 1e-9


class Quadrant(Probe):
    r"""Which labels are worth checking, and are they memorised?

    Across: held-out loss of example i, the mean calibrated code length of its label over members that did not see it
    [bits] (`maths.codes.bank`); up: its memorisation score. A label is worth checking where both the audited
    recipe and a baseline of another family, trained without it and its copies, bet against it: on average half a bit
    over a blind guess at class frequencies, and nine of ten models each, which also predict another label. One recipe
    alone bets against labels near a boundary that it draws wrong; two of different families seldom do so at the same
    label. The baseline is that with the shortest held-out code. Labels that were planted, as a control or as noise,
    are counted apart. There is a list only where both are right about labels they have not seen more often than a guess
    at the most frequent class, beyond the interval: models that know nothing are sure of whole groups by chance.

    Rote knows nothing of unseen labels but how frequent they are: AUC 0.5 where classes are equally frequent. Oracle: 1
    where the truth is in the input. Cost: the baselines, 16 members each: none of their own for pictures, at most 5 CPU
    s for the tables tried. Fails when: many examples of a class are mislabelled alike, for then the others agree with
    the error; where two recipes err alike; or so many labels are random that no model can bet half a bit against one.
    Reference: Northcutt, Jiang and Chuang 2021, Confident learning, section 3, for the use of held-out predictions.

    Example:
        >>> Quadrant().poles
        ('rote', 'oracle')
    """

    name: ClassVar[str] = "memory/label-noise"
    version: ClassVar[int] = 10
    drawn_as: ClassVar[str] = "memory/quadrant"
    label_columns: ClassVar[tuple[str, ...]] = ("predicted",)
    outputs: ClassVar[tuple[str, ...]] = ("classes", "values")
    assumes: ClassVar[tuple[Assumption, ...]] = ("both sides", "halves")
    poles: ClassVar[tuple[str, str]] = ("rote", "oracle")

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank and the baselines of other families."""
        return (subject.bank(), *(subject.baseline(name) for name in of_other_families(subject)))

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Both axes for every example, which labels are worth checking, and the ranking against planted truth."""
        run, train = bank[bank.subject.bank()], bank.data.train
        mask, seed = run.members.mask, bank.subject.seed
        if bank.data.output.continuous:
            return of_values(self, bank)
        lengths = bank_lengths(
            run.views["train"].logits, train.y, mask, seed, ids=train.ids, groups=bank.groups, sides=(True,)
        )
        baseline = baseline_of(bank)
        labels = _labels(bank, run, baseline)
        # against the label's own blind guess: a rare class is not worth checking for being rare
        order = np.lexsort((train.ids, -labels.own.excess))
        quantities = self._listed(bank, labels) if baseline else {}
        if labels.planted.any():
            quantities |= self._planted(bank, labels, order)
        headline = "planted_auc" if labels.planted.any() else "worth_checking_share"
        if headline not in quantities and not baseline:
            return self.not_applicable("no baseline"), {}
        withheld = {} if headline in quantities else {"status": "withheld", "withheld": reason("uninformed")}
        details = _details(bank, labels, blind=float(lengths.reference_bits.mean()) + BITS)
        finding = self.finding(
            quantities,
            headline="" if withheld else headline,
            **withheld,
            poles=POLES if labels.planted.any() else (),
            tables={"counts": _counts(labels), **_map(labels, details)},
            ranked=_ranked(bank, run, labels, order),
            details=details | {"baseline": baseline[0] if baseline else None},
        )
        return finding, {
            "held_out_bits": labels.own.held_out,
            "seen_bits": side_means(np.where(mask, lengths.member_bits, 0.0), mask)[0],
            "held_out_right": labels.unseen_right,
            "seen_right": labels.seen_right,
            "suspicion_rank": np.argsort(order, kind="stable").astype(np.int64),
            "worth_checking": labels.listed.astype(np.int64),
            **held_out_votes(run, np.arange(len(train)), tied=NONE),
        }

    def _listed(self, bank: Bank, labels: Labels) -> dict[str, Quantity]:
        """How many labels are worth checking, of those that came with the data; and how good a list of planted ones is.

        Labels that we changed are no news to anybody, whoever asked for them.
        """
        listed, planted, groups = labels.listed, labels.planted, bank.groups
        given, n, blind = bank.counted & ~planted, int(bank.counted.sum()), bank.data.most_frequent
        found = {"checking_accuracy": estimate(labels.accuracy, unit="accuracy", null=blind, n=n, better="high")}
        if not _informed(bank, labels.accuracy):
            return found
        found["worth_checking_share"] = share(listed[given], groups[given], 0.0, better="low")
        if planted.any():
            found["planted_listed"] = share(listed[planted], groups[planted], 0.0, better="high")
            every = listed & (given | planted)
            if every.any():
                null = int(planted.sum()) / int((given | planted).sum())
                found["planted_precision"] = share(planted[every], groups[every], null, better="high")
        return found

    def _planted(self, bank: Bank, labels: Labels, order: np.ndarray) -> dict[str, Quantity]:
        planted, k = labels.planted, int(labels.planted.sum())
        found = planted[order[:k]]
        return {
            "planted_auc": area(labels.own.held_out, planted, self.rng(bank, "auc"), better="high"),
            "planted_auc_score": area(labels.score, planted, self.rng(bank, "auc2")),
            "planted_found": share(found, bank.groups[planted], k / len(planted), better="high"),
        }


def _labels(bank: Bank, run: Run, baseline: tuple[str, Bets] | None) -> Labels:
    """What members and baseline say of every label."""
    own, correct, changed = bets(bank, run), run.views["train"].correct[-1], bank.changed
    none = np.zeros(len(bank.data.train), bool)
    accuracy = min(own.accuracy, baseline[1].accuracy, key=lambda one: one.low) if baseline else None
    return Labels(
        own,
        accuracy,
        own.against & baseline[1].against if baseline and _informed(bank, accuracy) else none,
        none if changed.all() else changed,
        memorisation(correct, run.members.mask).score,
        *side_means(correct.astype(np.float64), run.members.mask),
    )


def _informed(bank: Bank, accuracy: Estimate) -> bool:
    """Whether what models predict is evidence: they do better than a blind guess where left out (NaN: nobody knows)."""
    return accuracy.low > bank.data.most_frequent


def _details(bank: Bank, labels: Labels, blind: float) -> dict[str, Scalar]:
    """Counts of labels, the thresholds, and where the map ends."""
    given, planted = labels.listed & bank.counted & ~labels.planted, labels.planted
    return {
        "worth_checking": int(given.sum()),
        "worth_checking_memorised": int((given & labels.memorised).sum()),
        "planted": int(planted.sum()),
        "planted_not_reproduced": int((planted & ~labels.memorised & (labels.seen_right < 0.5)).sum()),
        "bits_from": blind,
        "score_from": THRESHOLD,
        "agreeing_from": AGREE,
        "least_bits": LEAST_BITS,
        "most_bits": float(max(labels.own.held_out.max(), 2 * blind, LEAST_BITS)) * 1.1,
        "least_score": min(-0.2, float(labels.score.min())),
    }


def _counts(labels: Labels) -> FactTable:
    """How many labels are worth checking or not, memorised or not, and how many of these were planted."""
    sides = [(listed, held) for listed in (True, False) for held in (True, False)]
    chosen = [(labels.listed == listed) & (labels.memorised == held) for listed, held in sides]
    counts = {"examples": np.sum(chosen, 1), "redrawn": np.sum(chosen & labels.planted, 1)}
    return FactTable(values=dict(zip(("worth_checking", "memorised"), zip(*sides))) | counts)


def _map(labels: Labels, details: dict[str, Scalar]) -> dict[str, FactTable]:
    """Every label by its held-out bits and its score: one by one, or where there are many, counted in cells."""
    bits, score, planted = np.maximum(labels.own.held_out, LEAST_BITS), labels.score, labels.planted
    rest = np.flatnonzero(~planted)
    rows, found = np.concatenate([rest, np.flatnonzero(planted)[:MARKS]]), {}
    if len(rest) > MARKS:
        across, up = np.geomspace(LEAST_BITS, details["most_bits"], 41), np.linspace(details["least_score"], 1.0001, 25)
        found["density"] = density(bits=(bits[rest], across), score=(score[rest], up))
        rows = rows[len(rest) :]
    found["labels"] = FactTable(values={"bits": bits[rows], "score": score[rows], "redrawn": planted[rows]})
    return found


def _ranked(bank: Bank, run: Run, labels: Labels, order: np.ndarray) -> dict[str, Ranked]:
    """The labels worth checking, planted ones apart, and those of them that are not memorised."""
    train, planted, found = bank.data.train, labels.planted, {}
    for name, chosen in (
        ("worth_checking", labels.listed),
        ("worth_checking_not_memorised", labels.listed & ~labels.memorised),
    ):
        rows = first_of(order[chosen[order]], planted)
        if not len(rows):
            continue
        found[name] = Ranked(ids=train.ids[rows], figures={
            "label": train.y[rows], **held_out_votes(run, rows),
            "bits": labels.own.held_out[rows], "score": labels.score[rows], "redrawn": planted[rows],
        })  # fmt: skip
    return found
