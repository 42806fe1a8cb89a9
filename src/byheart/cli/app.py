"""The commands, each with what reads its words."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import typer

from byheart.cli.audits import audit, plan
from byheart.cli.balance import WITHOUT, balance
from byheart.cli.compare import compare
from byheart.cli.explain import explain
from byheart.cli.gate import gate
from byheart.cli.help import AppHelp, CommandHelp
from byheart.cli.init import init
from byheart.cli.list_show import list_words, report, show
from byheart.cli.measure import measure
from byheart.cli.options import with_options
from byheart.cli.rank import rank
from byheart.cli.studies import study
from byheart.cli.unlearn import unlearn
from byheart.cli.view import export, view

WITH_DEFAULTS = ("audit", "plan", "balance")  # from pyproject.toml; the command line wins

app = typer.Typer(
    name="byheart",
    help="Know what your model knows by heart, and what it has understood.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
AUDIT, FINISHED, REFERENCE = "Audit", "Finished audits (RUN: its digits, its folder, or latest)", "Names and claims"


def _add(panel: str, name: str, command: Callable[..., None], **more: Any) -> None:
    app.command(name, cls=CommandHelp, rich_help_panel=panel, **more)(command)


_add(AUDIT, "init", init)
_add(AUDIT, "plan", with_options(plan, without=("budget",)))
_add(AUDIT, "audit", with_options(audit))
_add(AUDIT, "balance", with_options(balance, without=WITHOUT))
_add(AUDIT, "measure", measure)
_add(FINISHED, "show", show)
_add(FINISHED, "view", view)
_add(FINISHED, "report", report)
_add(FINISHED, "export", export)
_add(FINISHED, "explain", explain)
_add(FINISHED, "compare", compare)
_add(FINISHED, "unlearn", unlearn)
_add(FINISHED, "gate", gate)
_add(REFERENCE, "list", list_words, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
_add(REFERENCE, "study", study)
_add(REFERENCE, "rank", rank)


@app.callback(cls=AppHelp)
def _root(ctx: typer.Context) -> None:
    """Know what your model knows by heart, and what it has understood."""
    if ctx.invoked_subcommand in WITH_DEFAULTS and not {"-h", "--help"} & set(sys.argv):
        from byheart.cli.project_file import defaults

        ctx.default_map = dict.fromkeys(WITH_DEFAULTS, defaults())
