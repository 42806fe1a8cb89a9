"""The card of complexity/value-bits."""

from __future__ import annotations

from byheart.records.finding import Finding
from byheart.records.formatting import count, interval_text, value_text
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of

UNDERSTOOD = "1/2 log2 of the variance over the squared error where left out, calibrated"
MEMORISED = "1/2 log2 of the squared error where left out over that where seen, calibrated"


def card(finding: Finding, about: About) -> Card:
    """Bits per value that are held by heart, where they have a bound, beside those understood."""
    understood, total = (
        finding.quantities.get(name) for name in ("understood_bits_per_value", "memorised_bits_of_values")
    )
    says, body = "", (f"Understood: {value_text(understood)} {interval_text(understood)} per value.",)
    if finding.details["bounded"]:
        says = f"per value, {value_text(total)} in all {count(total.n)}"
        body += (
            "Both are differences between codes: rounding the target does not move them, and there is no whole that "
            "they are a share of.",
        )
    return Card(
        says=says,
        body=body,
        how=(
            "A Gaussian density around mean + w (f \u2212 mean), mean of what the member was trained on, w fitted "
            "for each side on the other half of the examples. memorised = 1/2 log2 (squared error where left out / "
            "where seen); understood = 1/2 log2 (variance / squared error where left out); totals: times the "
            "number of values. Interval: over fresh draws of examples (copies together) and training set.",
            "Fails when errors are far from Gaussian. Withheld where the squared error where seen is below a "
            "millionth of the variance. Cost: no training of its own.",
        ),
        notes=notes_of(
            finding,
            {
                "understood_bits_per_value": UNDERSTOOD,
                "understood_bits_of_values": f"{UNDERSTOOD}; times the number of values",
                "memorised_bits_per_value": MEMORISED,
                "memorised_bits_of_values": f"{MEMORISED}; times the number of values",
            },
        ),
    )
