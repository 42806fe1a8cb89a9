"""The card of what is withheld because few squared deviations carry the variance of the values."""

from __future__ import annotations

from byheart.records.finding import Finding
from byheart.records.formatting import number
from byheart.report.cards.base import Card
from byheart.report.cards.default import notes_of


def card(finding: Finding) -> Card:
    """How the deviations were counted."""
    return Card(
        how=(
            "Effective number of squared deviations: (sum d)^2 / sum d^2, d the squared distance of each target from "
            f"their mean, copies together. Below {number(finding.details['deviations_needed'])} a variance, and R2 "
            "with it, depends on a handful of values.",
        ),
        notes=notes_of(
            finding,
            {
                name: "effective number of squared deviations of the targets, copies together"
                for name in finding.quantities
                if name.endswith("effective_deviations")
            },
        ),
    )
