"""The commands, each with what reads its words."""

from __future__ import annotations

import sys

import typer

from byheart.cli.audits import audit, plan
from byheart.cli.compare import compare
from byheart.cli.explain import explain
from byheart.cli.gate import gate
from byheart.cli.init import init
from byheart.cli.list_show import list_words, report, show
from byheart.cli.options import with_options
from byheart.cli.studies import study
from byheart.cli.view import export, view

WITH_DEFAULTS = ("audit", "plan")  # from pyproject.toml; the command line wins

app = typer.Typer(
    name="byheart",
    help="Know what your model knows by heart, and what it has understood.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(init)
app.command("audit")(with_options(audit))
app.command("plan")(with_options(plan, without=("budget",)))
app.command("list", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(list_words)
app.command("show")(show)
app.command("report")(report)
app.command("view")(view)
app.command("export")(export)
app.command("gate")(gate)
app.command("explain")(explain)
app.command("compare")(compare)
app.command("study")(study)


@app.callback(
    epilog="byheart --version prints the version; --debug anywhere shows our own traceback when something breaks."
)
def _root(ctx: typer.Context) -> None:
    """Know what your model knows by heart, and what it has understood."""
    if ctx.invoked_subcommand in WITH_DEFAULTS and not {"-h", "--help"} & set(sys.argv):
        from byheart.cli.project_file import defaults

        ctx.default_map = dict.fromkeys(WITH_DEFAULTS, defaults())
