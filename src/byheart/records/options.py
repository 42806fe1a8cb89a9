"""Options: what can be asked of an audit, each with its default and its help.

The command line, `byheart plan`, `byheart.audit` and the subjects of claims take their options from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any


def asked(default: Any, help: str, word: str = "", data: str = "") -> Any:
    """A field with its help; `word` is its option where that is not its name; `data` is what it speaks of."""
    about = {"help": help, "word": word, "data": data}
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class Options:
    """What is asked of an audit beside its data and its model.

    Example:
        >>> Options(members=16).changed()
        {'members': 16}
    """

    target: str | None = asked(None, "Column of a table to predict; or several of numbers, width,height.", data="table")
    task: str | None = asked(None, "classes or values, where it should not be inferred.", data="file")
    categorical: tuple[str, ...] = asked((), "Column to read as categories; may be repeated.", data="table")
    drop: tuple[str, ...] = asked((), "Column to leave out; may be repeated.", data="table")
    group: tuple[str, ...] = asked(
        (), "Column of a table whose rows of one value stay together (patients); may be repeated.", data="table"
    )
    id: str | None = asked(None, "Column that names the rows in every list; no feature.", data="table")
    encoding: str | None = asked(None, "Encoding of a text file (utf-8).", data="table")
    separator: str | None = asked(None, "What stands between the cells of a text file: , ; | or tab.", data="table")
    decimal: str | None = asked(None, "Decimal sign of a text file, . or a comma.", data="table")
    time: str | None = asked(
        None, "Column of time of a series: the file is then followed step by step, not read as rows.", data="series"
    )
    channels: str | None = asked(None, "Columns of a series to follow, A,B; else all of numbers.", data="series")
    window: int | None = asked(None, "Steps of a series that a model sees before the next (4 to 20).", data="series")
    missing: str | None = asked(None, "refuse or impute missing features.", data="file")
    split: str | None = asked(
        None, "Share held out (0.2), random, time or time:0.3: by the row's content, or the last ones.", data="file"
    )
    size: int | None = asked(
        None, "Pixels of a side to which the pictures of a folder are scaled and cut.", data="folder"
    )
    transform: str | None = asked(None, "log or rank of a target of values; all numbers then describe it.")
    phases: int | None = asked(
        None, "Train in so many phases, one after another: of classes where there are any, else by order."
    )
    flip: float | None = asked(None, "Share of training labels to redraw: label noise of the data, with known truth.")
    no_control: bool = asked(False, "Do not redraw the labels that the audit of the embedded images redraws.")
    learner: str | None = asked(
        None, "mlp, conv, neighbours, ridge, a scikit-learn class, package.module:Class, or my_models.py:make_model."
    )
    settings: tuple[str, ...] | Mapping[str, Any] = asked(
        (), "Setting of the learner, NAME=VALUE; may be repeated.", word="set"
    )
    returns: str = asked("auto", "What a model of yours returns: auto, logits, probabilities, labels or values.")
    levers: tuple[str, ...] = asked(
        (),
        "weight-decay=0.001, dropout=0.5, mixup=0.4, early-stop=8, pruning=0.9:retrain=5 (all: byheart list lever); a "
        "setting of the learner, max_depth=3; balance.toml; in phases replay=0.5:size=100 or ewc=10; may be repeated.",
        word="lever",
    )
    no_baseline: bool = asked(
        False, "With levers: do not train the same recipe without them, which says what they move."
    )
    members: int | None = asked(None, "Models on random subsets (64; fewer for text); more make intervals narrower.")
    first: bool = asked(False, "Say the headline as soon as two members are trained, and go on; changes no number.")
    share: float = asked(0.7, "Part of the examples that each member sees.")
    seed: int = asked(0, "The root seed.")
    budget: str | None = asked(None, "Time to spend, such as 60s or 5m; cuts members, never epochs.")
    jobs: str | int = asked("auto", "Worker processes, or auto; changes no number.")
    device: str = asked("auto", "auto, cpu, cuda or mps.")
    also: tuple[str, ...] = asked(
        (), "Probe on request: memory/credit, memory/effect[:method=retrain]; may be repeated."
    )

    def changed(self) -> dict[str, Any]:
        """The options that differ from their defaults, in order."""
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name)) != default_of(one)}

    def about(self, data: str) -> dict[str, Any]:
        """The options on `data` (`table` or `file`) that are given."""
        names = [one.name for one in fields(self) if one.metadata["data"] == data]
        return {name: value for name, value in self.changed().items() if name in names}


def default_of(one: Field[Any]) -> Any:
    """The default of a field of `Options`."""
    return one.default


def word_of(one: Field[Any]) -> str:
    """Its name on the command line, without the dashes.

    Example:
        >>> [word_of(one) for one in fields(Options) if one.name in ("no_control", "settings")]
        ['no-control', 'set']
    """
    return one.metadata["word"] or one.name.replace("_", "-")
