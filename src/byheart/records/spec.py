"""Spec: typed fields, canonical JSON, and the key that everything is remembered by."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from byheart.errors import UsageError, shown, unknown_name


def canonical(value: object) -> str:
    """One JSON text for one value: sorted keys, no spaces, no NaN.

    Example:
        >>> canonical({"b": 1.5, "a": [1, 2]})
        '{"a":[1,2],"b":1.5}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def key_of(*parts: object) -> str:
    """SHA-256 (64 hex digits) of the canonical JSON of `parts`; 12 digits are shown, all are kept.

    Example:
        >>> key_of("a", 1)[:12] == key_of("a", 1.5)[:12]
        False
    """
    return hashlib.sha256(canonical(list(parts)).encode()).hexdigest()


class Record(BaseModel):
    """Base of all records: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)


class Spec(Record):
    """A thing that can be made again from its fields alone.

    Promises: 1 fields are coerced to their declared type, so `64` and `64.0` give one key; 2 the key
    holds kind, name, version and ALL fields but those `not_in_key`; 3 non-finite floats are refused;
    4 `version` is raised when the MEANING of the code changes.
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    version: ClassVar[int] = 1
    not_in_key: ClassVar[frozenset[str]] = frozenset()  # fields that say where it lies, beside a digest of what it is
    costless: ClassVar[frozenset[str]] = frozenset()  # fields that change what a training step does, not what it costs

    def __init__(self, /, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise _usage_error(type(self), error) from None

    @model_validator(mode="after")
    def _finite(self) -> Self:
        for field in type(self).model_fields:
            value = getattr(self, field)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{field} must be a finite number, got {value}")
        return self

    def describe(self) -> dict[str, Any]:
        """Kind, name, version and all fields, nested specs likewise: all that it takes to make it again."""
        fields = {field: _described(getattr(self, field)) for field in type(self).model_fields}
        return {"kind": self.kind, "name": self.name, "version": self.version, **fields}

    def key(self) -> str:
        """SHA-256 of the canonical JSON of kind, name, version and `key_fields()`."""
        fields = {field: _keyed(value) for field, value in self.key_fields().items()}
        return key_of({"kind": self.kind, "name": self.name, "version": self.version, **fields})

    def key_fields(self) -> dict[str, Any]:
        """The fields as they enter the key: without where things lie, if what they are is there."""
        return {field: getattr(self, field) for field in type(self).model_fields if field not in self.not_in_key}


def _described(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.describe()
    if isinstance(value, tuple | list):
        return [_described(item) for item in value]
    if isinstance(value, dict):
        return {key: _described(item) for key, item in value.items()}
    if isinstance(value, Record):
        return value.model_dump(mode="json")
    return value


def _keyed(value: Any) -> Any:
    if isinstance(value, Spec):
        fields = {field: _keyed(part) for field, part in value.key_fields().items()}
        return {"kind": value.kind, "name": value.name, "version": value.version, **fields}
    if isinstance(value, tuple | list):
        return [_keyed(item) for item in value]
    if isinstance(value, dict):
        return {key: _keyed(item) for key, item in value.items()}
    return _described(value)


def _usage_error(cls: type[Spec], error: ValidationError) -> UsageError:
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"])) or "the fields"
    if first["type"] == "extra_forbidden":
        return unknown_name(f"setting of {cls.kind} {cls.name}", field, cls.model_fields)
    return UsageError(
        expected=f"{cls.kind} {cls.name}: {field}: {first['msg'].removeprefix('Value error, ')}",
        came=shown(first.get("input")),
        do=f"Settings: {', '.join(cls.model_fields) or 'none'}.",
    )
