"""The card of generalization/certificate: a bound that holds, what it is made of, and the other bounds beside it."""

from __future__ import annotations

from collections.abc import Iterator

from byheart.records.finding import Finding
from byheart.records.formatting import count, interval_text, number, percent, value_text
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Bar, Chart, Rule, Segment, Table

BOUNDS = {
    "seeger": "inverted kl (Seeger, Maurer)",
    "mcallester": "McAllester",
    "catoni": "Catoni, its parameter optimised",
    "compressed": "one network, by its compressed size",
    "hold_out": "hold-out of the prior's centre",
}
TRIED = {
    "widths": ("widths of the prior", "a union bound: each has its part of the 4\u202f%"),
    "posteriors": ("posteriors fitted", "KL: the bound holds for all of them at once"),
    "steps": ("steps of the quantised weights", "the code, which says which one"),
}
STAYED = 1.0  # nats below which a posterior has hardly moved


def card(finding: Finding, about: About) -> Card:
    """The certificate, and what it does not say."""
    if "tokens" in finding.details:
        return _of_passages(finding, about)
    details, n = finding.details, finding.quantities["certificate"].n
    blind = percent(float(details["chance"]))
    distinct = " that are no copies" if details.get("alike") else ""
    says = f"of new {about.nouns}{distinct} wrong at most, with 95\u202f% confidence"
    if _broken(finding):
        says += ", if they are drawn as these: those measured are not"
    if details["says_nothing"]:
        says += f": a blind guess has {blind}, so this certifies nothing"
    return Card(
        says=says,
        body=tuple(_body(finding, about)),
        charts=(_chart(finding, about),),
        tables={"What was tried, and what pays for it": _tried(finding)},
        how=(
            "A network of this architecture whose weights are drawn from N(w, s\u00b2) at every prediction; w and s "
            f"are fitted on {count(n)} training {about.nouns} by making the certificate itself small (reparametrised "
            "gradients of a bounded log loss). Certificate: the largest R with kl(r \u2016 R) \u2264 (KL + "
            "ln(2\u221an / \u03b4)) / n, r the upper end of its sampled error there, KL from the prior.",
            _prior(finding, about),
            "It holds for at least 95 of 100 training sets drawn alike. It fails when examples are not independent "
            f"draws, or when new {about.nouns} come from elsewhere. Cost: one training on a part of the data and three "
            "short fits.",
        ),
        notes=notes_of(
            finding,
            {
                "certificate": f"upper end for the stochastic network, {count(n)} {about.nouns}; chance: a blind guess",
                "stochastic_error": f"mean over {count(int(details['draws']))} sampled networks on these {about.nouns}",
                "posterior_kl": f"KL(posterior || prior) over {count(int(details['parameters']))} weights",
                "stochastic_test_error": f"mean over sampled networks on new {about.nouns}",
                "certificate_gap": "certificate less measured error on new examples",
            },
        ),
    )  # fmt: skip


def _of_passages(finding: Finding, about: About) -> Card:
    found, details = finding.quantities, finding.details
    certificate, held = found["certificate_bits_a_token"], found["smoothed_bits_a_token"]
    blind = f"{number(certificate.null or 0.0, 2)} bits"
    says = f"per token of new {about.nouns} at most, with 95\u202f% confidence; a blind guess takes {blind}"
    if details["says_nothing"]:
        says += ", so this certifies nothing"
    rows = {row["bound"]: row for row in finding.tables["bounds"].rows()}
    few = rows["subsampled"]
    body = [
        f"Measured on the {count(held.n)} {about.nouns} left out: {value_text(held)} {interval_text(held)} per token.",
        f"It speaks of one model on {percent(about.share, 0)} of the {about.nouns}, the first member, each prediction "
        f"mixed with {percent(float(details['smoothing']))} of a blind guess: else one token could cost any number of "
        "bits.",
        f"From {count(int(few['evaluated'] or 0))} of them alone (subsampled): at most "
        f"{number(float(few['at_most'] or 0.0), 2)} bits.",
    ]
    if test := found.get("smoothed_test_bits_a_token"):
        new = f"{count(test.n)} new {about.named(test.n)}"
        body.insert(1, f"On {new}: {value_text(test)} {interval_text(test)} per token.")
    return Card(
        says=says,
        body=tuple(body),
        how=(
            "R \u2264 r + \u0394 \u221a((ln c + ln(1/0.05)) / 2n), r the mean bits per token of the n left out, "
            "\u0394 = log2(1 + (1 \u2212 a) v/a) the range of smoothed bits, a the part of a blind guess, chosen among "
            f"c = {finding.tables['tried'].rows()[0]['count']}, v = {details['tokens']} tokens.",
            "It fails when passages are not independent draws: those of one text are alike. Cost: no training of its "
            "own.",
        ),
        notes=notes_of(
            finding,
            {
                "certificate_bits_a_token": "upper end, smoothed; null: a blind guess",
                "smoothed_bits_a_token": "mean over passages left out, at most, after smoothing",
                "smoothed_test_bits_a_token": "the same over new passages",
            },
        ),
    )


def _body(finding: Finding, about: About) -> Iterator[str]:
    found, details = finding.quantities, finding.details
    if test := found.get("stochastic_test_error"):
        less = found["certificate_gap"]
        way, gap = "below" if less.value >= 0 else "above", less.model_copy(update={"value": abs(less.value)})
        yield (
            f"Measured on {count(test.n)} new {about.named(test.n)}: {value_text(test)} {interval_text(test)} wrong, "
            f"{value_text(gap)} {way} the certificate."
        )
    if _broken(finding):
        yield (
            f"More are wrong than it allows: these new {about.nouns} come from elsewhere than those of training, or "
            "those are no independent draws. It does not hold of them."
        )
    audited = details.get("audited_error")
    own = "" if audited is None else f" (it gets {percent(float(audited))} of new {about.nouns} wrong)"
    yield f"It speaks of a network with weights drawn at random, fitted for this; not of the audited one{own}."
    rows = {row["bound"]: row for row in finding.tables["bounds"].rows()}
    if details["prior"] == "trained":
        plain = float(rows["hold_out"]["at_most"] or 0.0)
        moved = (
            "the posterior has hardly moved from its prior, and the certificate is a hold-out bound at a price"
            if found["posterior_kl"].value < STAYED
            else f"the posterior moved from its prior by {value_text(found['posterior_kl'])}"
        )
        yield (
            f"A plain hold-out bound of the network trained on the other {count(int(details['prior_examples']))} "
            f"{about.nouns} says at most {percent(plain)}: {moved}."
        )
    if details["control"]:
        yield f"Labels redrawn by us as a control ({count(int(details['control']))}) are left out on both sides."
    if details["noisy_labels"]:
        yield "It speaks of labels with the noise that these have; new ones without it are easier."
    if details["copies"]:
        left = int(details["copies"])
        yield f"Of copies one certifies: {count(left)} {about.named(left)} left out."
    if alike := int(details.get("alike", 0)):
        yield (
            f"{count(alike)} training {about.named(alike)} are copies of others, or of their groups. Each group counts "
            "once here, however many it holds; where new ones repeat as often the share of errors may be larger."
        )
    yield "Asked again with other settings, and the best taken, it is no longer 95\u202f%."


def _broken(finding: Finding) -> bool:
    """Whether new examples are wrong more often than the certificate allows, beyond the interval."""
    gap = finding.quantities.get("certificate_gap")
    return gap is not None and gap.interval is not None and gap.interval[1] < 0


def _prior(finding: Finding, about: About) -> str:
    details = finding.details
    centre = f"at its random start; all {count(finding.quantities['certificate'].n)} {about.nouns} certify"
    if details["prior"] == "trained":
        centre = (
            f"at weights trained on {count(int(details['prior_examples']))} other {about.nouns}; "
            "prior=initial asks for a prior at the random start"
        )
    return (
        f"Prior: N(c, {number(float(details['width']), 4)}\u00b2), centred {centre}. Of the 5\u202f% that may fail "
        f"1\u202f% pays for {count(int(details['draws']))} sampled networks, 4\u202f% for the bound. The code of the "
        f"quantised weights takes {count(int(details['code_bits']))} bits at steps of {details['code_step']}."
    )


def _chart(finding: Finding, about: About) -> Chart:
    rows = finding.tables["bounds"].rows()
    bars, lines = [], []
    for row in rows:
        error, most, name = float(row["error"] or 0.0), float(row["at_most"] or 0.0), BOUNDS[str(row["bound"])]
        parts = (
            Segment(start=0.0, stop=error, role="left"),
            Segment(start=error, stop=most, role="ink"),
        )
        bars.append(Bar(label=f"{name}: {percent(most)}", segments=parts))
        lines.append((name, percent(error), number(float(row["nats"] or 0.0), 2), percent(most)))
    if test := finding.quantities.get("stochastic_test_error"):
        label = f"measured on {count(test.n)} new {about.named(test.n)}: {percent(test.value)}"
        bars.append(Bar(label=label, segments=(Segment(start=0.0, stop=test.value, role="muted"),)))
    return Chart(
        title="Bounds on the share of errors, side by side",
        description="; ".join(f"{name}: at most {most}" for name, _, _, most in lines),
        x=Axis(title=f"share of new {about.nouns} wrong", format="percent"),
        bars=tuple(bars),
        rules=(Rule(axis="x", at=float(finding.details["chance"]), label="a blind guess"),),
        reading=f"Grey: errors on the {about.nouns} that certify. Dark: what the bound adds. Each holds at 95\u202f% "
        "on its own, not all together; the first was chosen as the certificate beforehand.",
        table=Table(columns=("bound", "errors there", "nats paid", "at most"), rows=tuple(lines)),
    )


def _tried(finding: Finding) -> Table:
    rows = finding.tables["tried"].rows()
    return Table(
        columns=("what", "how many", "paid by"),
        rows=tuple((TRIED[str(row["what"])][0], str(row["count"]), TRIED[str(row["what"])][1]) for row in rows),
    )
