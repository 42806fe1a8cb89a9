"""How a spec is described in the ledger and made again: JSON values alone, never code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from byheart.errors import InputRefused
from byheart.fingerprint.code import own_code
from byheart.records.spec import Record, Spec
from byheart.registry import find

WHERE, OWN = "lies at", "class code"  # two words each, so no names of fields
_NO_FIELDS = {"kind", "name", "version", WHERE, OWN}


def revive(description: Mapping[str, Any], kind: str = "") -> Any:
    """The spec that `description` (made by `described` or `Spec.describe`) holds, nested specs likewise.

    Raises:
        UnknownName: of a name that neither byheart nor an installed plug-in has.
        InputRefused: of a class of the user's own, or of another `kind` than the one asked for.
    """
    if kind and description["kind"] != kind:
        raise InputRefused(expected=f"a {kind}", came=f"a {description['kind']}", do="Run the audit again.")
    if OWN in description:
        raise InputRefused(
            expected=f"a {description['kind']} of byheart or of an installed plug-in",
            came=f"{description['name']}, a class of somebody's own, which is not in the ledger",
            do="Where you have the class, use Audit.explain in Python.",
        )
    fields = {name: _revived(value) for name, value in description.items() if name not in _NO_FIELDS}
    fields |= {name: _revived(value) for name, value in description.get(WHERE, {}).items()}
    return find(description["kind"], description["name"])(**fields)


def _revived(value: Any) -> Any:
    if isinstance(value, Mapping) and {"kind", "name", "version"} <= set(value):
        return revive(value)
    return tuple(_revived(item) for item in value) if isinstance(value, list) else value


def described(spec: Spec) -> dict[str, Any]:
    """The description of a spec as JSON values alone (tuples as lists).

    Fields that only say where something lies stand under `WHERE`, which no key takes in (`material`); the digest of a
    class of the user's own stands under `OWN`.
    """
    keyed, code = spec.key_fields(), own_code(spec)
    in_key = {name: _described(value) for name, value in keyed.items()}
    whole = {name: _described(getattr(spec, name)) for name in type(spec).model_fields}
    # what is left out of the key for being the default is made again without being said
    left_out = {name: value for name, value in whole.items() if name not in in_key and value != _default(spec, name)}
    where = {name: value for name, value in whole.items() if name in in_key and in_key[name] != value} | left_out
    made = {"kind": spec.kind, "name": spec.name, "version": spec.version, **in_key}
    made |= {WHERE: where} if where else {}
    return made if code is None else made | {OWN: code.digest or ""}


def _default(spec: Spec, name: str) -> Any:
    return _described(type(spec).model_fields[name].get_default(call_default_factory=True))


def _described(value: Any) -> Any:
    if isinstance(value, Spec):
        return described(value)
    if isinstance(value, Record):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: _described(item) for key, item in value.items()}
    return [_described(item) for item in value] if isinstance(value, list | tuple) else value


def material(about: Any) -> Any:
    """What of a description makes a key: all but where things lie."""
    if isinstance(about, Mapping):
        return {key: material(value) for key, value in about.items() if key != WHERE}
    return [material(item) for item in about] if isinstance(about, list | tuple) else about


def specs_within(spec: Any) -> list[Spec]:
    """A spec and those within its fields."""
    if isinstance(spec, Spec):
        fields = (getattr(spec, name) for name in type(spec).model_fields)
        return [spec, *(found for value in fields for found in specs_within(value))]
    if isinstance(spec, list | tuple):
        return [found for item in spec for found in specs_within(item)]
    return []


def can_move(spec: Spec) -> bool:
    """Whether a worker can make it from its description; asking may cost a process (`code.comes_back`)."""
    inner = specs_within(spec)
    return all(own_code(one) is None for one in inner) and all(getattr(one, "portable", True) for one in inner)
