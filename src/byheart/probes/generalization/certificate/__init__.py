"""How many new examples can it get wrong at most, guaranteed?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from byheart.learners.base import Network
from byheart.maths.bounds import catoni, hold_out, mcallester, prior_widths, sampled_risk, seeger, seeger_below, united
from byheart.maths.bounds.monte_carlo import Estimate
from byheart.probes.base import Assumption, Bank, Cost, Need, Probe, Subject
from byheart.probes.generalization.certificate.passages import held_out, of_passages
from byheart.probes.intervals import WILSON, share
from byheart.records.facts import FactTable
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, interval_by

if TYPE_CHECKING:
    from byheart.maths.bounds.stochastic_network import StochasticNetwork
    from byheart.probes.generalization.certificate.compressed import CodedNetwork
    from byheart.probes.generalization.certificate.split import Split

DELTA = 0.05  # the certificate may fail in this share of data sets,
SAMPLED = 0.01  # ... of which this much is spent on Monte Carlo
FEWEST = 20  # examples in each part
LOOKS = 50  # networks drawn for the test
STEPS_OF = {"trained": 200, "initial": 1500}  # of the fit: far from its prior a posterior takes longer


class Certificate(Probe):
    r"""How many new examples can it get wrong at most, guaranteed?

    A network of the learner's architecture whose weights are drawn anew for every prediction, N(w, s^2), is fitted by
    making its certificate small. certificate = largest R with kl(r || R) <= (KL + ln(2 sqrt(n)/delta')) / n [share of
    new examples], r the upper end of its sampled error on n training examples that no choice of the prior has seen,
    KL = KL(posterior || prior) [nats], delta' what is left of 5 % after 1 % for sampling, over the number of prior
    widths that could have been chosen. It holds with 95 % confidence over the draw of the training examples, for this
    stochastic network and not for the one audited. The prior is centred at weights trained on the other part
    (`prior=trained`) or at the random start (`initial`). Beside it: McAllester, Catoni, one network by its compressed
    size, and the plain hold-out bound of the prior's centre. One of each group of copies certifies, and each group of
    new ones counts once: it speaks of examples that are no copies. Of text: bits per token of the bank's first member,
    mixed with a blind guess, from the passages that it left out.

    Oracle without error: the least that n examples allow. Rote and who guesses: chance or more, which certifies
    nothing. Cost: one training on half the data and three short fits, 3 to 20 CPU seconds. Fails when: training
    examples are not independent draws of what new ones are drawn from. Reference: Dziugaite and Roy 2017, Computing
    nonvacuous generalization bounds for deep (stochastic) neural networks with many more parameters than training data,
    UAI; Maurer 2004, arXiv cs/0411099, theorem 5; prior trained on a part: Perez-Ortiz et al. 2021, JMLR 22.

    Example:
        >>> Certificate().chapter, Certificate().cost
        ('generalization', 'on request')
    """

    name: ClassVar[str] = "generalization/certificate"
    version: ClassVar[int] = 2
    cost: ClassVar[Cost] = "on request"
    outputs: ClassVar[tuple[str, ...]] = ("classes", "tokens")
    assumes: ClassVar[tuple[Assumption, ...]] = ()
    fewest_members: ClassVar[int] = 1
    poles: ClassVar[tuple[str, str]] = ("all right", "blind guess")
    prior: Literal["trained", "initial"] = "trained"
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    steps: Annotated[int, Field(ge=1)] | None = None
    draws: Annotated[int, Field(ge=2)] = 4000

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The audited network on everything, to compare with; of passages the bank, whose first member is judged."""
        if "tokens" in subject.offers:
            return (subject.bank(),)
        if not isinstance(subject.learner, Network):
            return self.not_applicable("no network", learner=subject.learner.name)
        return (subject.whole(),)

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """The certificate, what it is made of, the other bounds, and what the test says."""
        import torch

        from byheart.maths.bounds.stochastic_network import smallest_certificate
        from byheart.probes.generalization.certificate.compressed import coded
        from byheart.probes.generalization.certificate.split import rows_of, split, trained

        if bank.data.grouping.blocks:
            return self.not_applicable("rows in time"), {}
        learner, rng = bank.subject.learner, self.rng(bank, self.prior)
        if bank.data.output.passages:
            held = held_out(bank, rng)
            if (few := len(held.bits)) < FEWEST:
                return self.not_applicable("few examples", examples=few, needed=FEWEST), {}
            return of_passages(self, held, bank.data.output.k, DELTA), {}
        rows = rows_of(bank, self.share, rng)
        if (fewest := min(len(rows.prior), len(rows.certify))) < FEWEST:
            return self.not_applicable("few examples", examples=fewest, needed=FEWEST), {}
        parts = split(bank, learner, rows, self.prior == "trained", rng)
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        centre = trained(parts, learner, generator) if self.prior == "trained" else parts.start
        widths, steps = prior_widths(), self.steps or STEPS_OF[self.prior]
        network = smallest_certificate(parts.call, centre, *parts.certify, widths, DELTA - SAMPLED, steps, generator)
        risk = sampled_risk(network.risks(*parts.certify, self.draws, generator), SAMPLED)
        paid = Paid(risk, network.kl_nats, len(parts.certify[1]), united(DELTA - SAMPLED, len(widths)))
        wrong = None if parts.test is None else network.errors(*parts.test, LOOKS, generator)
        chance, code = _chance(bank), coded(network, parts.certify, DELTA)
        least = sampled_risk(np.zeros(self.draws), SAMPLED).high
        finding = self.finding(
            _quantities(bank, paid, chance, wrong),
            headline="certificate",
            poles=(
                Pole(name="All right", value=paid.of_share(least), note="no error: the least that so many allow"),
                Pole(name="Blind guess", value=paid.of_share(chance), note="certifies nothing"),
            ),
            tables={"bounds": _bounds(paid, code, network, parts), "tried": _tried(len(widths), network)},
            details={
                "prior": self.prior, "prior_examples": len(parts.prior[1]), "copies": parts.copies,
                "alike": int(bank.counted.sum()) - len(np.unique(bank.groups[bank.counted])),
                "control": int((~bank.counted).sum()), "noisy_labels": int((bank.changed & bank.counted).sum()),
                "parameters": len(network.mean), "width": network.width, "steps": steps, "draws": self.draws,
                "delta": DELTA, "delta_sampled": SAMPLED, "chance": chance, "code_bits": code.bits,
                "code_step": code.step, "says_nothing": paid.bound >= chance, **_audited(bank),
            },
        )  # fmt: skip
        return finding, {}


class Paid(NamedTuple):
    """What a certificate is made of: sampled risk, KL, examples, and the delta of the width that was chosen."""

    risk: Estimate
    kl_nats: float
    n: int
    delta: float

    @property
    def bound(self) -> float:
        """The certificate."""
        return seeger(self.risk.high, self.kl_nats, self.n, self.delta)

    def of_share(self, share: float) -> float:
        """The certificate of who errs so often and never moves from the prior."""
        return seeger(share, 0.0, self.n, self.delta)


def _chance(bank: Bank) -> float:
    """The error of who always guesses the most frequent class."""
    return float(1 - np.bincount(labels := bank.data.train.y[bank.counted]).max() / len(labels))


def _quantities(bank: Bank, paid: Paid, chance: float, wrong: np.ndarray | None) -> dict[str, Quantity]:
    from byheart.probes.generalization.certificate.split import of_distinct

    more: dict[str, Any] = {"better": "low", "speaks_of": "stochastic"}
    low = seeger_below(paid.risk.low, paid.kl_nats, paid.n, paid.delta)
    made = {
        "certificate": Quantity(
            value=paid.bound, unit="share", null=chance, n=paid.n, **more,
            **interval_by("both ends of the inequality at once", (low, paid.bound)),
        ),
        "stochastic_error": Quantity(
            value=paid.risk.value, unit="share", null=chance, n=paid.n, **more,
            **interval_by("sampled networks, 99 %", (paid.risk.low, paid.risk.high)),
        ),
        "posterior_kl": Quantity(
            value=paid.kl_nats, unit="nats", interval=None, why_no_interval="exact", null=0.0, n=paid.n, **more
        ),
    }  # fmt: skip
    if wrong is None:
        return made
    once = of_distinct(wrong, bank.data.new_copies)
    made["stochastic_test_error"] = test = share(once, np.arange(len(once)), chance, **more)
    low, high = test.interval or (np.nan, np.nan)
    made["certificate_gap"] = Quantity(
        value=paid.bound - test.value, unit="points", null=0.0, n=test.n, **more,
        **interval_by(WILSON, (paid.bound - high, paid.bound - low)),
    )  # fmt: skip
    return made


def _bounds(paid: Paid, code: CodedNetwork, network: StochasticNetwork, parts: Split) -> FactTable:
    """Each bound on its own at 95 %: of which network, the error that it starts from, what it pays, and its value."""
    from byheart.maths.bounds.stochastic_network import wrong_at

    price = paid.risk.high, paid.kl_nats, paid.n, paid.delta
    errors = int(wrong_at(parts.call, network.centre, *parts.certify).sum())
    rows: Mapping[str, tuple[str, float, float, float]] = {
        "seeger": ("stochastic", paid.risk.value, paid.kl_nats, paid.bound),
        "mcallester": ("stochastic", paid.risk.value, paid.kl_nats, mcallester(*price)),
        "catoni": ("stochastic", paid.risk.value, paid.kl_nats, catoni(*price)),
        "compressed": ("decoded", code.risk, code.nats, code.bound),
        "hold_out": ("centre", errors / paid.n, 0.0, hold_out(errors, paid.n, DELTA)),
    }
    columns = zip(*rows.values(), strict=True)
    values = dict(zip(("network", "error", "nats", "at_most"), columns, strict=True))
    units = {"error": "share", "nats": "nats", "at_most": "share"}
    return FactTable(values={"bound": tuple(rows), **values}, units=units)


def _tried(widths: int, network: StochasticNetwork) -> FactTable:
    """What was chosen by looking at the examples that certify, out of how many, and what pays for it."""
    from byheart.probes.generalization.certificate.compressed import STEPS

    rows = (("widths", widths, "union"), ("posteriors", network.tried, "kl"), ("steps", len(STEPS), "code"))
    what, count, paid = zip(*rows, strict=True)
    return FactTable(values={"what": what, "count": count, "paid_by": paid})


def _audited(bank: Bank) -> dict[str, float]:
    """The test error of the audited network, trained on everything."""
    run = bank[bank.subject.whole()]
    test = run.views.get("test")
    return {} if test is None or test.correct is None else {"audited_error": float(1 - test.correct[-1].mean())}
