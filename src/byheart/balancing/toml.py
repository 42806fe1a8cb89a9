"""`balance.toml`: the best setting as a file that `byheart audit --lever` takes."""

from __future__ import annotations

from byheart.records.balanced import BalancedRecord


def toml_of(found: BalancedRecord) -> str:
    """The best setting, what it was found to gain, and what it was found on."""
    best = found.best
    gain = best.gain
    said = "the recipe itself" if not best.words else best.title
    lines = [
        f"# byheart balance: {said} had the shortest held-out code of {len(found.frontier)} settings.",
        *([] if best.beats else ["# No lever tried beats the recipe: the interval of the gain holds 0."]),
        *([f"fixed = [{', '.join(map(_text, found.fixed))}]  # of the recipe itself"] if found.fixed else []),
        f"levers = [{', '.join(_text(word) for word in best.words)}]",
        "",
        "[found]",
        f"title = {_text(best.title)}",
        f"beats_recipe = {'true' if best.beats else 'false'}",
        *([f"probability_best = {best.probability:.4f}"] if best.probability is not None else []),
        *([f"gain = {gain.value:.6g}", f"gain_unit = {_text(gain.unit)}"] if gain else []),
        *([f"gain_interval = [{gain.interval[0]:.6g}, {gain.interval[1]:.6g}]"] if gain and gain.interval else []),
        "",
        "[subject]",
        f"data = {_text(found.about['data'])}",
        f"recipe = {_text(found.about['recipe'])}",
        f"title = {_text(found.subject['title'])}",
        f"learner = {_text(found.subject['learner'])}",
        f"command = {_text(found.provenance['command'])}",
    ]
    return "\n".join(lines) + "\n"


def _text(value: object) -> str:
    """A basic string of TOML."""
    made = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char >= " " and char != "\x7f" else f"\\u{ord(char):04x}" for char in made) + '"'
