"""BH102 on values: the share of their variance that is memorised."""

from __future__ import annotations

from collections.abc import Mapping

from byheart.records.finding import Answer
from byheart.records.formatting import interval_text, percent, value_text
from byheart.records.verdict_result import Judgement
from byheart.verdicts.base import Verdict, quantity

# Measured with this very code: 16 members, Friedman's first function, 1,000 rows.
MEMORISED = 0.15
THRESHOLD = f"more than {percent(MEMORISED, 0)} of the variance of the values"
SOURCE = (
    "between regression without noise (Friedman 1, 1,000 rows: boosting 3.9 %, network 1.5 %, forest 10.6 %) and the "
    "same with a quarter of the variance noise (20.9, 41.7 and 31.1 %), measured with this code"
)


def of_values(verdict: Verdict, findings: Mapping[str, Answer]) -> Judgement | None:
    """A tip above the threshold, withheld where the interval contains it; None where there are no values."""
    share = quantity(findings, verdict.anchor, "memorised_share_of_variance")
    if share is None:
        return None
    if share.interval is None:
        return verdict.absent("an interval of the memorised share of the variance")
    figures = f"{value_text(share)} {interval_text(share)} of the variance of the values is memorised"
    low, high = share.interval
    if low > MEMORISED:
        outcome, title = "tip", figures
        line = "To see what moves it, audit again with another setting (--lever, --set) and compare."
    elif high < MEMORISED:
        outcome, title, line = "passed", "Little is memorised", f"{figures}."
    else:
        outcome, title, line = "withheld", "", f"{figures}; the interval contains {percent(MEMORISED, 0)}."
    return verdict.say(outcome, line, title).model_copy(update={"threshold": THRESHOLD, "source": SOURCE})
