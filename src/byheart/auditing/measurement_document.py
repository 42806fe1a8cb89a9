"""A measurement as JSON holds it: the model, the evidence, each measure with its published record, what is missing."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from byheart.auditing.measured_model import MeasuredModel, trained
from byheart.auditing.unmeasured import probes_left_out, unmeasured
from byheart.maths.measures import ROWS, Coverage, Measure
from byheart.records.published_rankings import published
from byheart.records.quantity import Quantity


def document_of(
    subject: MeasuredModel, coverage: Coverage, evidence: Collection[str], scores: Mapping[str, Quantity],
    measures: Mapping[str, Measure], unused: str, notes: Sequence[str],
) -> dict[str, Any]:  # fmt: skip
    """All of a measurement; `unused` says why examples that were given could not be used."""
    covered, skipped = _covered(subject, coverage)
    model = {
        "title": subject.title, "parameters": subject.parameters, "architecture": subject.module is not None,
        "lacking": subject.lacking, "covered": covered, "skipped": skipped, "stored_as": _types(subject),
    }  # fmt: skip
    return {
        "model": model,
        "evidence": list(evidence),
        "scores": {name: one.model_dump(mode="json") for name, one in scores.items()},
        "measures": {name: _row(name, one) for name, one in measures.items() if one.applicable},
        "unmeasured": unmeasured(measures, evidence, unused),
        "probes": probes_left_out(),
        "notes": [note for note in dict.fromkeys(notes) if note],
    }


def _covered(subject: MeasuredModel, coverage: Coverage) -> tuple[float, list[str]]:
    """The share of the parameters in layers that are read, and what is skipped; of weights alone, whole numbers too."""
    skipped = list(coverage.skipped)
    if subject.module is not None:
        return coverage.share, skipped
    whole = {name: value for name, value in trained(subject.weights).items() if not value.is_floating_point()}
    read = coverage.share * (subject.parameters - sum(value.numel() for value in whole.values()))
    names = [f"{name} ({_name(value.dtype)}, of no known scale)" for name, value in whole.items()]
    return read / max(subject.parameters, 1), [*names, *skipped]


def _types(subject: MeasuredModel) -> list[str]:
    return sorted({_name(value.dtype) for value in trained(subject.weights).values()})


def _name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _row(name: str, one: Measure) -> dict[str, Any]:
    """A measure as JSON holds it: beyond the largest float there is the logarithm alone, of 0 there is none."""
    value, log = (None if x is None or not math.isfinite(x) else x for x in (one.value, one.log_value))
    return {
        "value": value, "log_value": log, "family": family(name), "needs": list(one.needs), "note": one.reason,
        "published": record_of(name),
    }  # fmt: skip


def family(name: str) -> str:
    """The family that a measure is of: the file of its formula."""
    return ROWS[name].function.__module__.rpartition(".")[2]


def record_of(name: str) -> dict[str, Any] | None:
    """What papers report of a measure; of a spectral one, each paper of its own form of it.

    Dziugaite et al. took the operator of a convolution (`-fft`), Jiang et al. the kernel reshaped.

    Example:
        >>> record_of("spec-orig")["sign_error"], record_of("prod-of-spec-fft")["sign_error"], record_of("l2")
        (None, 0.5965, None)
    """
    found = published(name)
    if found is None:
        return None
    exact, spectral = name.endswith("-fft"), family(name) == "spectral"
    ranks, errors = not exact, exact or not spectral
    shown = {
        "tau": found.tau if ranks else None, "psi": found.psi if ranks else None,
        "sign_error": found.sign_error if errors else None,
        "sign_error_worst": found.sign_error_worst if errors else None,
        "fails": list(found.fails) if errors else [],
    }  # fmt: skip
    return shown if any(value is not None and value != [] for value in shown.values()) else None
