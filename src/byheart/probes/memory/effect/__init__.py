"""Whose removal would change a prediction? Effect, held against models that were really trained without."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from byheart.learners.attribution_run import Questions
from byheart.maths.statistics.ranking import DatamodelScore, auc, auc_interval
from byheart.probes.attribution import (
    AGAIN,
    FEWEST_MEMBERS,
    FEWEST_QUERIES,
    Asked,
    again,
    ceiling,
    checked,
    need,
    not_asked,
    own_share,
    retrained,
    shown,
    too_few,
    typical,
    weighed,
    why_not,
)
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.probes.memory.effect.halves import by_halves
from byheart.records.chart import Axis, Chart, Mark, Table
from byheart.records.figures import count, number, percent
from byheart.records.finding import Finding, NotApplicable, Pole, Withheld
from byheart.records.quantity import Quantity

WORDS = {
    "unrolled": "the recorded training taken back step by step to the weight of each example",
    "curvature": "the curvature of the loss at the end of training (EK-FAC, damping 0.1 of the mean eigenvalue)",
    "projected": "randomly projected gradients of the one trained model (TRAK)",
    "checkpoints": "gradients at ten checkpoints (TracInCP)",
    "retrain": "members that saw it minus members that did not",
}


class Effect(Probe):
    r"""Whose removal would change a prediction?

    effect_i(x) is by how much the target of x (margin of the label; the value; log p of the passage) is higher for
    having training example i. *Positive = having it in raises the target; leaving it out lowers it by about so much.*
    `method`: unrolled, through the recorded training, averaged over moments of it (as a rule the best by far); retrain,
    mean difference over the bank's members; curvature; projected and checkpoints, baselines in arbitrary units.

    Every card is held against real retrainings: effect_lds, the rank correlation, over the bank's members, between the
    summed effects of what each saw and what it says [-1 to 1]; where its interval holds 0 the card is withheld. Of a
    training example self_effect_share = |effect_i(x_i)| / sum_j |effect_j(x_i)| [0 to 1].

    Rote: 1, an example moves itself alone. Oracle: 0, nothing moves. Cost: one training, and about twice as much again
    a prediction (unrolled). Fails when: training is rough (large steps, Adam late in training): the printed
    correlation then falls. Reference: Hara, Nitanda and Maehara 2019, Data cleansing for models trained with SGD,
    section 3.2; Ilyas and Engstrom 2025, MAGIC, arXiv 2504.16430; the check: Park et al. 2023, TRAK, definition 2.3.

    Example:
        >>> Effect(method="retrain").question
        'Whose removal would change a prediction?'
    """

    name: ClassVar[str] = "memory/effect"
    on_request: ClassVar[bool] = True
    question: ClassVar[str] = "Whose removal would change a prediction?"
    reference: ClassVar[str] = (
        "Hara, Nitanda and Maehara 2019, Data cleansing for models trained with SGD, section 3.2; Ilyas and Engstrom "
        "2025, MAGIC, arXiv 2504.16430; linear datamodeling score: Park et al. 2023, TRAK: attributing model behavior "
        "at scale, definition 2.3"
    )
    version: ClassVar[int] = 3
    asked: bool = True
    method: Literal["unrolled", "retrain", "curvature", "projected", "checkpoints"] = "unrolled"
    test: int = Field(16, ge=FEWEST_QUERIES)
    train: int = Field(32, ge=FEWEST_QUERIES)

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank, and but for `retrain` the recorded model."""
        if self.method != "retrain" and (reason := why_not(subject)):
            return self.not_applicable(reason, "Ask for --also memory/effect:method=retrain.")
        if "test" not in subject.offers:
            return self.not_applicable("There are no new examples.", "Give a test set.")
        if self.method == "projected" and "classes" not in subject.offers:
            return self.not_applicable("Projected gradients need classes.", "Try method=unrolled.")
        if not self.asked:
            return not_asked(self)
        needs = (subject.bank(), again(subject))
        return needs if self.method == "retrain" else (self._recorded(subject), *needs)

    def _recorded(self, subject: Subject) -> Need:
        asked = Questions(effect="" if self.method == "retrain" else self.method, test=self.test, train=self.train)
        return need(subject, asked)

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """The effects, what they are worth, and whom they name; withheld where they foretell nothing."""
        run = bank[bank.subject.bank()]
        if self.method == "retrain":
            if lacking := self.one_sided(bank, run.members.mask):
                return lacking, {}
            asked, lds = by_halves(bank, self.rows(bank))
        else:
            asked = Asked.of(bank, bank[self._recorded(bank.subject)])
            lds = checked(bank, asked.of_test("effect"), asked.test)
        if lacking := too_few(self, asked):
            return lacking, {}
        quantities = self._quantities(bank, asked, lds)
        if not quantities:
            reason = f"With {len(run.members)} members nothing can be checked against retraining."
            return self.not_applicable(reason, f"Train at least {2 * FEWEST_MEMBERS}: --members 64."), {}
        named = bool(asked.of_test("effect").any())  # where nothing moves nothing is named, and nothing foretold
        foretells = not named or (lds is not None and lds.interval.low > 0)
        headline = "self_effect_share" if "self_effect_share" in quantities else "effect_lds"
        return Finding(
            status="measured" if foretells else "withheld",
            probe=self.name,
            question=self.question,
            headline=headline if foretells else "",
            says=self._says(bank, headline) if foretells else "",
            quantities=quantities,
            poles=self._poles(headline) if foretells else (),
            facts=(("method", WORDS[self.method]), ("checked", self._checked(bank, lds, quantities))),
            body=self._body(bank, quantities, lds),
            # differences of means over the members themselves would foretell these very members, noise and all
            charts=() if lds is None or self.method == "retrain" else (_chart(bank, asked),),
            exhibits=shown(bank, asked, asked["effect"], "effect") if foretells else (),
            how=self._how(bank, asked),
            reference=self.reference,
            withheld=None if foretells else self._withheld(bank, lds),
        ), {}  # fmt: skip

    def _withheld(self, bank: Bank, lds: DatamodelScore | None) -> Withheld:
        if lds is None:
            return Withheld(reason=f"the effects were {self._unchecked(bank)}", would_do="--members 64 would do")
        other = "method=retrain" if self.method == "unrolled" else "method=unrolled"
        return Withheld(
            reason="the effects do not foretell what retrained models say",
            would_do=f"more members may show a weak one; or another method: --also memory/effect:{other}",
        )

    def _unchecked(self, bank: Bank) -> str:
        m = len(bank[bank.subject.bank()].members)
        if m < FEWEST_MEMBERS * (1 + (self.method == "retrain")):
            return f"not checked: {m} members are too few"
        return "not checked: the members all say the same"

    def rows(self, bank: Bank) -> np.ndarray:
        """The new examples that retraining is asked about, drawn by id."""
        by_id = np.argsort(bank.data.views["test"].ids, kind="stable")
        return by_id[self.rng(bank, "rows").permutation(len(by_id))][: self.test]

    def _quantities(self, bank: Bank, asked: Asked, lds: DatamodelScore | None) -> dict[str, Quantity]:
        n, m = len(bank.data.train), len(bank[bank.subject.bank()].members)
        changed, rng, found = bank.data.truth.changed, self.rng(bank, "queries"), {}
        if lds is not None:
            found["effect_lds"] = Quantity(
                value=lds.value, unit="correlation", interval=tuple(lds.interval), null=0.0, n=len(asked.test),
                better="high",
                how=f"linear datamodeling score: Spearman over {m} members, trained on other subsets from other seeds, "
                f"between the summed effects of what each saw and what it says, mean over {len(asked.test)} new "
                "predictions; interval: jackknife over members and predictions; null: 0",
            )  # fmt: skip
            if top := ceiling(bank, asked.test):
                found["lds_ceiling"] = Quantity(
                    value=top[0], unit="correlation", interval=tuple(top[1]), null=0.0, n=len(asked.test),
                    how=f"the most that any effects could reach: root of the rank correlation of "
                    f"{min(AGAIN, m)} members with models of the same subsets from other seeds; interval: jackknife "
                    "over members and predictions; null: 0, seeds decide everything",
                )  # fmt: skip
        if len(asked.train):
            planted = np.zeros(len(asked.train), bool) if changed is None else changed[asked.train]
            part = 0.0 if changed is None else float(changed.mean())
            own = own_share(asked.of_train("effect"), asked.train)
            what = (
                "|effect of the example on itself| over the sum of all |effects| on it, geometric mean over "
                "predictions; interval: Student's t on the logarithms; null: "
            )
            value, ends = typical(own, weighed(planted, part))
            found["self_effect_share"] = Quantity(
                value=value, unit="share", interval=tuple(ends), null=1 / n, n=len(own), speaks_of="run",
                how=f"{what}1/n, all alike",
            )  # fmt: skip
            if planted.sum() >= FEWEST_QUERIES:
                redrawn, ends = typical(own[planted])
                found["self_effect_share_redrawn"] = Quantity(
                    value=redrawn, unit="share", interval=tuple(ends), null=value, n=int(planted.sum()),
                    speaks_of="run", how=f"{what}that of all",
                )  # fmt: skip
        if changed is not None and changed.any() and not changed.all():
            harm = -asked.of_test("effect").mean(0)
            found["redrawn_harm_auc"] = Quantity(
                value=auc(harm, changed), unit="auc", interval=tuple(auc_interval(harm, changed, rng)), null=0.5, n=n,
                better="high", speaks_of="run",
                how=f"AUC of the mean lowering effect on {len(asked.test)} new predictions for the labels we redrew; "
                "interval: examples of both kinds drawn with replacement; null: 0.5",
            )  # fmt: skip
        return found

    def _says(self, bank: Bank, headline: str) -> str:
        if headline == "effect_lds":
            return "rank correlation of the effects with real retrainings"
        one = bank.noun(1)
        return f"of all that would move what is said of a training {one} is that {one} itself"

    def _poles(self, headline: str) -> tuple[Pole, ...]:
        return (Pole(name="Oracle", value=0.0), Pole(name="Rote", value=1.0)) if headline != "effect_lds" else ()

    def _checked(self, bank: Bank, lds: DatamodelScore | None, quantities: dict[str, Quantity]) -> str:
        m = len(bank[bank.subject.bank()].members)
        if lds is None:
            return self._unchecked(bank)
        low, high = (number(end, 2) for end in lds.interval)
        top, most = quantities.get("lds_ceiling"), "the most is not known"
        if top and top.interval and top.interval[0] > 0:
            ends = ", ".join(number(end, 2) for end in top.interval)
            most = f"the most that seeds leave to any method is {number(top.value, 2)} [{ends}]"
        return (
            f"rank correlation with {m} real retrainings {number(lds.value, 2)} [{low}, {high}]; 0 foretells nothing, "
            f"{most}"
        )

    def _body(self, bank: Bank, quantities: dict[str, Quantity], lds: DatamodelScore | None) -> tuple[str, ...]:
        sentences = ["Positive: having it in raises the prediction; leaving it out lowers it by about so much."]
        if self.method in ("projected", "checkpoints"):
            sentences = ["Positive: having the example in raises the prediction. The size has no unit: read the order."]
        if lds is None:
            sentences.append(f"{self._unchecked(bank).capitalize()}.")
        elif lds.interval.low > 0:
            low, high = (number(end, 2) for end in lds.interval)
            sentences.append(
                f"Checked: these effects rank what models trained on other subsets say with a correlation of "
                f"{number(lds.value, 2)} [{low}, {high}]."
            )
        if (redrawn := quantities.get("self_effect_share_redrawn")) and redrawn.interval:
            low, high = (number(100 * end, 1) for end in redrawn.interval)
            sentences.append(f"Labels we redrew rest on themselves by {percent(redrawn.value)} [{low}, {high}].")
        if harm := quantities.get("redrawn_harm_auc"):
            low, high = harm.interval or (0.0, 1.0)
            out = "stand out" if low > 0.5 else "do not clearly stand out"
            sentences.append(
                f"Sorted by how much they lower new predictions, labels we redrew {out}: AUC {number(harm.value, 2)} "
                f"[{number(low, 2)}, {number(high, 2)}], 0.5 is a guess."
            )
        return tuple(sentences)

    def _how(self, bank: Bank, asked: Asked) -> tuple[str, ...]:
        about = dict(asked.run.about.get("attribution", {}))
        unit = {"classes": "nats of log odds of the label", "values": f"units of {bank.data.output.target}"}
        said = unit.get(bank.data.output.kind, "nats of log p")
        said = "arbitrary units" if self.method in ("projected", "checkpoints") else said
        how = f"Method {self.method}: {WORDS[self.method]}, in {said}."
        if self.method == "unrolled":
            curved = (
                "Gauss-Newton products (no exact derivative: it leaves out the curvature of the network itself)"
                if about["hessian"] == "gauss-newton"
                else "exact Hessian products"
            )
            how += (
                f" {count(about['steps'])} steps, taken back one by one with {curved}; the target is its mean over "
                f"{about['moments'] or 1} moments of the last two thirds of training. One training was recorded: "
                "another seed names others; what is checked are sums over all that a member saw."
            )
        if said := about.get("said"):
            how += f" {said}."
        return (
            how,
            "Checked on this audit's own members, each trained on another random subset from another seed: the summed "
            "effects of what a member saw, against what it says, by rank. Where the interval holds 0 nothing is named.",
            "Effect is not credit: credit adds up to the prediction, effect says what would change it. Oracle 0, Rote "
            "1. Fails when training is rough: the correlation then falls.",
        )


def _chart(bank: Bank, asked: Asked) -> Chart:
    """One new prediction: what the effects foretell for each member, and what it says."""
    mask = bank[bank.subject.bank()].members.mask
    outputs, scores = retrained(bank, asked.test), asked.of_test("effect")
    varied = np.ptp(outputs, axis=0) > 0
    query = int(np.argmax(varied))
    foretold = mask @ scores[query] - mask.mean(0) @ scores[query]
    said = outputs[:, query]
    ident = int(bank.data.views["test"].ids[asked.test[query]])
    unit = {"classes": "margin, nats", "values": bank.data.output.target}.get(bank.data.output.kind, "log p, nats")
    first = np.argsort(-foretold)[:12]
    rows = tuple((str(j), number(float(foretold[j]), 3), number(float(said[j]), 3)) for j in first)
    return Chart(
        title=f"New {bank.noun(1)} {ident}: foretold and retrained",
        description=f"{len(mask)} members: what the effects of the examples each saw add up to, against what it says.",
        x=Axis(title="foretold, against the average member"),
        y=Axis(title=f"what the member says ({unit})"),
        marks=tuple(Mark(x=float(a), y=float(b)) for a, b in zip(foretold, said)),
        reading=f"Each dot is a model trained on another subset, and what it says of new {bank.noun(1)} {ident}. The "
        "higher the dots to the right, the better the effects foretell retraining; a cloud without slope means they "
        "do not.",
        table=Table(columns=("member", "foretold", "it says"), rows=rows),
    )
