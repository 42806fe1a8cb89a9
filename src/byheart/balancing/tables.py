"""The frontier and the best of a race as records, every number with its interval, null and n."""

from __future__ import annotations

import math
from typing import Any

from byheart.balancing.choice import Chosen
from byheart.balancing.grid import Setting
from byheart.balancing.race import Entrant, Race
from byheart.maths.statistics.effective_sample_size import Estimate
from byheart.probes.intervals import FRESH_DRAWS
from byheart.probes.setting_scores import Held
from byheart.records.balanced import Best, Tried
from byheart.records.finding import Finding
from byheart.records.quantity import Quantity, interval_by
from byheart.surveys.frontier import Frontier

PAIRED = f"{FRESH_DRAWS}, paired"
PATH = "balance/setting"  # what the survey reads of each setting


def frontier(race: Race, chosen: Chosen) -> tuple[Tried, ...]:
    """Every setting with its numbers; which of them no other beats."""
    made = {place: _tried(race, one) for place, one in enumerate(race.entrants)}
    unbeaten = _unbeaten(race, made)
    return tuple(one.model_copy(update={"unbeaten": unbeaten.get(place)}) for place, one in made.items())


def _tried(race: Race, one: Entrant) -> Tried:
    known: dict[str, Any] = {"failure": one.failure}
    if one.held is not None and not one.failure:
        known = numbers(race, one.held)
        if one is not race.recipe and race.recipe.held is not None:
            known |= _against(race, race.recipe.held, one.held)
    return Tried(
        setting=dict(one.setting.values), words=one.setting.words, title=one.setting.title, members=one.members,
        cost=round(one.cpu_seconds, 2), same_as=one.twin.setting.title if one.twin else "", **known,
    )  # fmt: skip


def numbers(race: Race, held: Held) -> dict[str, Quantity]:
    """Share memorised, score where left out, and the criterion."""
    judge, n = race.judge, held.code.shape[1]
    output = judge.data.output
    nulls = {"r2": 0.0, "accuracy": judge.data.most_frequent if output.labelled else 0.0, "bits": None}
    reference = None if race.reference is None else float(race.reference.mean())
    score = judge.score
    return {
        "memorised": _quantity(judge.parts(held, race.reference).memorised, FRESH_DRAWS, "share", 0.0, n, "low"),
        "held_out": _quantity(
            judge.right(held), FRESH_DRAWS, score, nulls[score], n, "low" if score == "bits" else "high"
        ),
        "code": _quantity(
            judge.code(held), FRESH_DRAWS, judge.unit, 0.0 if judge.unit == "r2" else reference, n,
            "high" if judge.unit == "r2" else "low",
        ),
    }  # fmt: skip


def _against(race: Race, recipe: Held, held: Held) -> dict[str, Quantity]:
    """By how much a setting is better than the recipe, and how much more it memorises, on the members of both."""
    judge, n = race.judge, held.code.shape[1]
    a, b = _common(recipe, held)
    unit = {"accuracy": "points"}.get(judge.score, judge.score)
    return {
        "gain": _quantity(judge.gain(a, b), PAIRED, judge.unit, 0.0, n, "high"),
        "held_out_gain": _quantity(judge.righter(a, b), PAIRED, unit, 0.0, n, "high"),
        "understood": _quantity(judge.understood(a, b, race.reference), PAIRED, "points", 0.0, n, "high"),
        "moved": _quantity(judge.memorised(a, b, race.reference), PAIRED, "points", 0.0, n, "low"),
    }


def _common(first: Held, second: Held) -> tuple[Held, Held]:
    m = min(len(first), len(second))
    return tuple(Held(one.code[:m], one.wrong[:m], one.mask[:m]) for one in (first, second))  # type: ignore[return-value]


def _quantity(of: Estimate, method: str, unit: Any, null: float | None, n: int, better: Any) -> Quantity:
    return Quantity(value=of.value, unit=unit, null=null, n=n, better=better, **interval_by(method, of.interval))


def _unbeaten(race: Race, made: dict[int, Tried]) -> dict[int, bool | None]:
    """Place -> whether no other setting memorises less and is as good where left out; None where that is open."""
    known = {str(place): one for place, one in made.items() if one.memorised is not None}
    if len(known) < 2:
        return {}
    findings: Any = {
        name: {
            PATH: Finding(
                probe=PATH, question="", reference="",
                quantities={"memorised": one.memorised, "held_out": one.held_out},  # type: ignore[dict-item]
            )
        }
        for name, one in known.items()
    }  # fmt: skip
    way = "low" if race.judge.score == "bits" else "high"
    survey = Frontier(quantities=(f"{PATH}/memorised", f"{PATH}/held_out"), better=("low", way))
    answer = survey.read(findings, {name: {} for name in known})
    table = answer.tables["subjects"].values if isinstance(answer, Finding) and answer.tables else {}
    words = dict(zip(table.get("subject", ()), table.get("beaten by", ())))
    meaning = {"none": True, "some": False, "open": None}
    return {int(str(name)): meaning[str(word)] for name, word in words.items()}


def best_record(race: Race, chosen: Chosen) -> Best:
    """The best setting with what fresh members say of it, beside the recipe."""
    of_recipe = numbers(race, chosen.recipe)
    plain = chosen.best is race.recipe  # its own numbers, whatever a half chose: nobody chose it for how it looks
    of_best = of_recipe if plain else numbers(race, chosen.held)
    against: dict[str, Any] = {} if plain else _against(race, chosen.recipe, chosen.held)
    gain = against.get("gain")
    beats = gain is not None and gain.interval is not None and gain.interval[0] > 0
    return Best(
        title=chosen.best.setting.title, setting=dict(chosen.best.setting.values), words=chosen.best.setting.words,
        probability=None if math.isnan(chosen.probability) else chosen.probability,
        beats=beats,
        agreed=chosen.by_half[0] is chosen.by_half[1],
        by_half=tuple(_title(one.setting) for one in chosen.by_half),  # type: ignore[arg-type]
        members=len(chosen.held), recipe=of_recipe, **of_best, **against,
    )  # fmt: skip


def _title(setting: Setting) -> str:
    return setting.title
