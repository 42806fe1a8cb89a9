"""The options of a command, made from the fields of `Options`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import typer

from byheart.records.options import Options, default_of, word_of

KINDS = {
    "str | None": str | None, "float | None": float | None, "int | None": int | None, "str | int": str, "str": str,
    "int": int, "float": float, "bool": bool,
}  # fmt: skip

FIRST_OF_PANEL = {"target": "Data", "learner": "Model", "members": "Training", "also": "Output"}  # in their order


def with_options(command: Callable[..., None], without: tuple[str, ...] = ()) -> Callable[..., None]:
    """`command(subject, options, notes, ...)` for typer: a parameter for each field of `Options` in the place of `options`.

    `notes` says which of them have the default of a `pyproject.toml`.
    """
    asked = [one for one in fields(Options) if one.name not in without]

    def called(ctx: typer.Context, **words: Any) -> None:
        given = {one.name: words.pop(one.name) for one in asked}
        many = {one.name for one in asked if isinstance(default_of(one), tuple)}
        options = Options(**{name: tuple(value or ()) if name in many else value for name, value in given.items()})
        command(options=options, notes=_notes(ctx, options), **words)

    panels = _panels([one.name for one in fields(Options)])
    made = [
        inspect.Parameter(
            one.name, inspect.Parameter.KEYWORD_ONLY, annotation=KINDS.get(str(one.type), list[str] | None),
            default=typer.Option(default_of(one) or None if isinstance(default_of(one), tuple) else default_of(one),
                                 f"--{word_of(one)}", help=one.metadata["help"], rich_help_panel=panels[one.name]),
        )
        for one in asked
    ]  # fmt: skip
    own = inspect.signature(command, eval_str=True).parameters
    rest = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, one in own.items()
        if name not in ("options", "notes")
    ]
    ctx = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    called.__signature__ = inspect.Signature([ctx, *rest[:1], *made, *rest[1:]])  # type: ignore[attr-defined]
    called.__doc__, called.__annotations__ = command.__doc__, {}
    return called


def _panels(names: list[str]) -> dict[str, str]:
    """Name of an option -> its panel.

    Example:
        >>> _panels(["target", "learner", "settings"])["settings"]
        'Model'
    """
    found, panel = {}, ""
    for name in names:
        panel = FIRST_OF_PANEL.get(name, panel)
        found[name] = panel
    return found


def _notes(ctx: typer.Context, options: Options) -> tuple[str, ...]:
    """Which options have the default of a `pyproject.toml`, as a line; none where none has."""
    from byheart.cli.project_file import note

    source = {name: ctx.get_parameter_source(name) for name in ctx.default_map or ()}
    found = {word_of(one): getattr(options, one.name) for one in fields(Options) if _of_file(source.get(one.name))}
    return (note(found),) if found else ()


def _of_file(source: Any) -> bool:
    return getattr(source, "name", "") == "DEFAULT_MAP"
