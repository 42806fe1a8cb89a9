"""When is the training set memorised, when are new examples right, and how much later?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.delay import first_held
from byheart.maths.delay.held_steps import HELD
from byheart.probes.base import Assumption, Bank, Cost, Need, Probe, Subject
from byheart.probes.generalization.delay.budget import budget_over
from byheart.probes.generalization.delay.circuit import circuit_of
from byheart.probes.generalization.delay.course import LAYER, course_of, null_need, own_need
from byheart.probes.generalization.delay.quantities import (
    GENERALISED,
    MEMORISED,
    absorbed_of,
    by_member,
    circuit_quantities,
    curves_of,
    levels_of,
    members_table,
    steps_of,
    weights_of,
)
from byheart.records.finding import Finding, NotApplicable, Pole

FEWEST = 2  # members: one has no interval


class Delay(Probe):
    r"""When is the training set memorised, when are new examples right, and how much later?

    Members are looked at on a log grid of steps (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, ...). memorised_step: the first
    step from which accuracy where seen is at least 0.99 for three evaluations in a row; generalised_step: the same of
    held-out accuracy and 0.95; geometric means over members, and absent where a member never gets there within the
    training, which is a statement with a bound and not a number. delay_ratio = generalised / memorised;
    reached_accuracy: the highest held-out accuracy that is held; gap_over_log_steps: mean of accuracy seen less held
    out over ln(step). Null: one member on labels that are all redrawn, which has nothing to generalise.

    Beside them the norm of the weights, the bit budget, and the share of examples seen whose own gradient is exactly 0
    in float32 (p rounds to 1: training stands still). Of pairs of residues (task `modular`) also the Gini coefficient
    of the Fourier power of the embedding, the restricted loss (of each sum, by the constant and the five strongest
    frequencies of a + b alone, fitted on the pairs held out) and the excluded loss (pairs seen, without these five).

    Poles: Rote is right on new examples by chance, Oracle on all. Cost: the members once more, and one on random
    labels; asked for with `--also`. Fails when: the training ends before held-out accuracy rises, or labels of the
    table were redrawn (`--flip 0` in an audit). Reference: Power et al. 2022, Grokking: generalization beyond
    overfitting on small algorithmic datasets; Nanda et al. 2023, Progress measures for grokking via mechanistic
    interpretability; Prieto et al. 2025, Grokking at the edge of numerical stability.

    Example:
        >>> Delay().chapter
        'generalization'
    """

    name: ClassVar[str] = "generalization/delay"
    version: ClassVar[int] = 2
    cost: ClassVar[Cost] = "on request"
    outputs: ClassVar[tuple[str, ...]] = ("classes",)
    needs: ClassVar[tuple[str, ...]] = ("epochs",)
    assumes: ClassVar[tuple[Assumption, ...]] = ("varying values",)
    fewest_members: ClassVar[int] = FEWEST

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The members on a log grid, and one on random labels."""
        return (own_need(subject), null_need(subject))

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Steps, levels, weights and frequencies."""
        need, null = (self.requires(bank.subject)[i] for i in (0, 1))  # type: ignore[index]
        run = bank[need]
        if (m := len(run.members)) < FEWEST:
            return self.withheld("few seeds", seeds=m, needed=FEWEST), {}
        if "test" not in run.views and not run.members.unseen.any(1).all():
            return self.not_applicable("no test set"), {}
        own, by_chance = course_of(bank, need), course_of(bank, null) if null in bank else None
        circuit, kept = circuit_of(bank, need), run.kept.get(LAYER.label)
        seen, k = run.members.seen & bank.counted, bank.data.output.k
        facts = steps_of(own) | levels_of(own, by_chance)
        facts |= absorbed_of(run.views["train"].margin[-1], seen, own.n_seen)
        more = {}
        if kept is not None:
            more["weight_norm"] = kept["norm"].T, "norm of the weights", ""
            facts |= weights_of(kept["norm"].T, own.n_seen)
        if circuit is not None:
            facts |= circuit_quantities(circuit, k, own.n_seen)
            more |= {name: (getattr(circuit, f"{name}"), f"{name} loss", "nats") for name in ("restricted", "excluded")}
            more |= {} if circuit.gini is None else {"embedding_gini": (circuit.gini, "Gini coefficient", "")}
        finding = self.finding(
            facts,
            headline="reached_accuracy",
            poles=(Pole(name="Rote", value=1 / k, note="a guess"), Pole(name="Oracle", value=1.0)),
            curves=curves_of(own, by_chance, **more) | budget_over(bank, need, own.steps),
            tables={"members": members_table(own), "held_out_by_member": by_member(own)},
            details={
                "members": m, "held": HELD, "memorised_from": MEMORISED, "generalised_from": GENERALISED,
                "last_step": float(own.steps[-1]), "seen": own.n_seen, "held_out": own.n_held_out,
                "memorised_members": int(np.isfinite(first_held(own.seen, own.steps, MEMORISED).step).sum()),
                "generalised_members": int(np.isfinite(first_held(own.held_out, own.steps, GENERALISED).step).sum()),
                "null_measured": by_chance is not None,
                "modulus": k if circuit is not None else None,
            },
        )  # fmt: skip
        return finding, {}
