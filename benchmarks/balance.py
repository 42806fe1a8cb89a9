"""The balance command against an exhaustive grid, on recipes that are best already, and the truth of its numbers.

    OMP_NUM_THREADS=1 python benchmarks/balance.py [--only race|best|curse] [--runs 100]

race   the setting that it names against the best of all settings on 64 members each, by the criterion that it used,
       and what both cost in CPU seconds of training.
best   on a recipe that no setting of the grid beats: in how many of ten seeds it says so.
curse  small runs on fresh draws of data: how often the interval of the winner's printed numbers holds their truth, the
       mean over other fresh draws of what the winning settings do; beside it the numbers of the winner as it was
       chosen, which its luck flatters. Wilson's interval of each share.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import byheart as bh
from byheart.auditing.python_request import request_from_python
from byheart.balancing.choice import choose
from byheart.balancing.grid import grid_of
from byheart.balancing.race import FRESH, RUNGS, Race, kept
from byheart.balancing.tables import best_record, numbers
from byheart.engines.inline import Inline
from byheart.maths.statistics.ranks import wilson
from byheart.study.plan import Settings
from byheart.study.session import Session
from byheart.tasks.fashion import Fashion
from byheart.tasks.label_noise import Flipped


@dataclass(frozen=True)
class Case:
    """A subject and what is tried on it."""

    name: str
    data: Any
    model: Any
    levers: tuple[str, ...]
    settings: dict[str, Any] | None = None


def noisy_table(n: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two classes by a rule of two of six columns, some labels wrong."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    y = (x[:, 0] + x[:, 1] * (x[:, 2] > 0) > 0).astype(int)
    return x, np.where(rng.random(n) < noise, 1 - y, y)


def regression(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A smooth function of three of eight columns with as much noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 8))
    return x, np.sin(x[:, 0]) + x[:, 1] * x[:, 2] / 2 + 0.7 * rng.normal(size=n)


def fashion() -> Any:
    return Flipped(task=Fashion(n=700), share=0.2222)


CASES = (
    Case(
        "Fashion, 20 % redrawn", fashion(), None,
        ("weight-decay=0,0.3,1,3", "dropout=0,0.3,0.6", "early-stop=4,30"), {"epochs": 30, "hidden": 64},
    ),
    Case(
        "forest, noisy table", noisy_table(600, 0.2, 0), RandomForestClassifier(n_estimators=20),
        ("max_depth=2,3,5,8", "min_samples_leaf=1,3,10,30,60"),
    ),
    Case(
        "tree, regression", regression(800, 0), DecisionTreeRegressor(),
        ("max_depth=2,3,4,6,9", "min_samples_leaf=1,3,10,30"),
    ),
)  # fmt: skip


def opened(case: Case, folder: Path, seed: int = 0) -> tuple[Session, list[Any]]:
    given = {"data": case.data, "model": case.model, "returns": "auto", "seed": seed, "settings": case.settings,
             "device": "cpu", "jobs": 1, "share": 0.7}  # fmt: skip
    request = request_from_python(given, "benchmark", lambda line: None)
    session = Session(request.subject, (), folder, Inline(), Settings("cpu", 1), None, lambda line: None)
    session.drawn(case.settings or {})
    return session, grid_of(case.levers, session.subject)


def race(case: Case) -> list[str]:
    """The race, then every setting on as many members as its last rung has."""
    with tempfile.TemporaryDirectory() as folder:
        session, grid = opened(case, Path(folder))
        trial = session.trial()
        quick = Race.of(session, trial, grid, lambda line: None)
        quick.run(RUNGS, kept)
        chosen = choose(quick, FRESH)
        paid = sum(one.cpu_seconds for one in quick.entrants)
        winners = len({id(one) for one in (*chosen.by_half, quick.recipe)})
        trained = sum(one.members for one in quick.entrants) + winners * FRESH
        slow = Race.of(session, trial, grid, lambda line: None)
        slow.train(slow.entrants, RUNGS[-1])
        whole = sum(one.cpu_seconds for one in slow.entrants)
        everything = np.ones(len(slow.first_half), dtype=bool)
        best = slow.standing(slow.entrants, everything)[0]
        named = next(one for one in slow.entrants if one.setting == chosen.best.setting)
        worse = slow.judge.gain(named.held, best.held).value  # type: ignore[arg-type]
        session.ledger.close()
    unit = "R2" if quick.judge.unit == "r2" else "bits"
    return [case.name, str(len(grid)), chosen.best.setting.title, f"{worse:.4f} {unit}", f"{paid:.1f}", f"{whole:.1f}",
            f"{paid / whole:.2f}", f"{trained} of {len(grid) * RUNGS[-1]}"]  # fmt: skip


def best_already(seed: int) -> bool:
    """A stump where the truth is a stump, and everything deeper learns noise."""
    rng = np.random.default_rng(1000 + seed)
    x = rng.normal(size=(500, 4))
    y = np.where(rng.random(500) < 0.2, x[:, 0] <= 0, x[:, 0] > 0).astype(int)
    found = bh.balance(
        (x, y), model=DecisionTreeClassifier(max_depth=1), levers=["max_depth=2,3,4,6,9", "min_samples_leaf=1,5,20"],
        say=lambda line: None, seed=seed, device="cpu",
    )  # fmt: skip
    return not found.best.beats


GRID = ("max_depth=2,3,5", "min_samples_leaf=5,10,20,40")
PRINTED = ("code", "held_out", "memorised", "gain")


def small(seed: int) -> Case:
    return Case("curse", noisy_table(200, 0.2, 5000 + seed), DecisionTreeClassifier(), GRID)


def curse(runs: int, draws: int) -> list[list[str]]:
    """Of each printed number: how often its interval holds the truth; the same of the winner as it was chosen."""
    sums: dict[str, list[dict[str, float]]] = {}
    found = []
    for run in range(runs + draws):
        with tempfile.TemporaryDirectory() as folder:
            session, grid = opened(small(run), Path(folder))
            made = Race.of(session, session.trial(), grid, lambda line: None)
            if run >= runs:  # a draw that is the truth of all settings
                made.train(made.entrants, 16)
                for one in made.entrants:
                    values = {name: of.value for name, of in numbers(made, one.held).items()}  # type: ignore[arg-type]
                    values["gain"] = made.judge.gain(made.recipe.held, one.held).value  # type: ignore[arg-type]
                    sums.setdefault(one.setting.title, []).append(values)
            else:
                made.run((8, 16), kept)
                chosen = choose(made, 16)
                best = best_record(made, chosen)
                naive = {**numbers(made, chosen.best.held), "gain": made.judge.gain(made.recipe.held, chosen.best.held)}  # type: ignore[arg-type]
                found.append((best, naive))
            session.ledger.close()
    truth = {title: {name: float(np.mean([one[name] for one in all_]))
                     for name in PRINTED} for title, all_ in sums.items()}  # fmt: skip
    rows = []
    for name in PRINTED:
        printed, flattered, bias, naive_bias = [], [], [], []
        for best, naive in found:
            crossed = np.mean([truth[title][name] for title in best.by_half])
            if (one := getattr(best, name)) is not None and one.interval is not None:
                printed.append(one.interval[0] <= crossed <= one.interval[1])
                bias.append(one.value - crossed)
            if naive[name].interval is not None:
                alone = truth[best.title][name]
                flattered.append(naive[name].interval[0] <= alone <= naive[name].interval[1])
                naive_bias.append(naive[name].value - alone)
        rows.append([name, _share(printed), f"{np.mean(bias):+.4f}", _share(flattered), f"{np.mean(naive_bias):+.4f}"])
    return rows


def _share(held: list[bool]) -> str:
    low, high = wilson(sum(held), len(held))
    return f"{100 * np.mean(held):.0f} % [{100 * low:.0f}, {100 * high:.0f}] of {len(held)}"


def table(head: list[str], rows: list[list[str]], say: Callable[[str], None] = print) -> None:
    wide = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    for row in [head, *rows]:
        say("  ".join(cell.ljust(size) for cell, size in zip(row, wide)).rstrip())


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--only", choices=("race", "best", "curse"))
    asked.add_argument("--runs", type=int, default=100)
    given = asked.parse_args()
    if given.only in (None, "race"):
        head = ["subject", "settings", "named", "worse than the best by", "CPU s", "exhaustive CPU s", "part", "models"]
        table(head, [race(case) for case in CASES])
    if given.only in (None, "best"):
        said = sum(best_already(seed) for seed in range(10))
        print(f"a recipe that is best already: said so in {said} of 10 seeds")
    if given.only in (None, "curse"):
        table(
            ["printed", "holds the truth", "bias", "as it was chosen", "bias"],
            curse(given.runs, max(given.runs // 2, 10)),
        )


if __name__ == "__main__":
    main()
