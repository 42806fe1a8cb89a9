"""The verdict on memory in time: BH201, more than is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from byheart.records.finding import Answer
from byheart.records.formatting import counted, number
from byheart.records.verdict_result import Judgement
from byheart.verdicts.base import Verdict, quantity, shown

NEGLIGIBLE = 0.01  # bits a step


class MoreMemory(Verdict):
    """Does it look back further than it should, and pay for that?

    Example:
        >>> MoreMemory().name
        'BH201'
    """

    name: ClassVar[str] = "BH201"
    title: ClassVar[str] = "Whether its memory in time costs more than it brings"
    threshold: ClassVar[str] = (
        f"the window costs more than {NEGLIGIBLE} bits a step above the best one tried, chosen and read on different "
        "blocks of time"
    )
    source: ClassVar[str] = "byheart's own choice: what is least worth another training; Takens 1981 says what suffices"
    anchor: ClassVar[str] = "dynamics/window"

    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """A tip where a shorter window does better; passed where none does."""
        paid, best = (quantity(findings, self.anchor, name) for name in ("paid_bits", "best_window"))
        if paid is None or best is None or paid.interval is None:
            return self.absent("a series, trained with shorter windows")
        used, needed = (
            quantity(findings, "dynamics/use", "used_steps"),
            quantity(findings, "dynamics/need", "needed_steps"),
        )
        said = f"{_steps('needed', needed)}{_steps('used', used)}paid {shown(paid)} a step"
        said = said[0].upper() + said[1:]
        if paid.interval[0] > NEGLIGIBLE:
            least = f"the last {number(best.value, 0)} steps" if best.value != 1 else "the last step"
            better = f"with {least} alone it does better on steps left out of training"
            line = f"{said}: {better} (--window {number(best.value, 0)})."
            return self.say("tip", line, "Its memory in time costs more than it brings")
        if paid.interval[1] < NEGLIGIBLE:
            return self.say(
                "passed",
                f"{said}: no shorter window does better by {NEGLIGIBLE} bits.",
                "Its memory in time does not cost",
            )
        return self.say("withheld", f"{said}: whether a shorter window does better by {NEGLIGIBLE} bits is not clear.")


def _steps(word: str, found: object) -> str:
    if found is None:
        return ""
    return f"{word} {counted(round(found.value), 'step')}, "  # type: ignore[attr-defined]
