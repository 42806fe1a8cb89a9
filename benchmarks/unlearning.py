"""Which way to forget is told from exact retraining, and is exact retraining itself at chance? Digits, a fifth noise.

    python benchmarks/unlearning.py [--rows 40] [--models 8] [--draws 40]

The recipe is byheart's own network on digits of which 20 % carry a redrawn label. To be forgotten are labels that are
wrong, the examples with the highest memorisation scores, or examples drawn at random. For each way: membership beside
exact retraining of other seeds, distance of predictions for the forgotten, accuracy on what stays and on new digits,
CPU per model. Then, over fresh seeds of data, noise and training: how often does the interval of exact retraining hold
0.5, and how often does an attacker who learned which way each row moved tell it apart at p < 0.01?
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np

import byheart as bh
from byheart.engines.inline import Inline
from byheart.maths.statistics.ranks import wilson
from byheart.probes.base import Subject
from byheart.registry import find
from byheart.report.unlearning_text import lines
from byheart.seeds import stream
from byheart.study.plan import Settings, draw_step
from byheart.study.session import Session
from byheart.study.steps import load_data
from byheart.study.unlearning.forgotten import forgotten_of
from byheart.study.unlearning.readings import SURE, Reader
from byheart.study.unlearning.steps import Trainings, done
from byheart.tasks.data import Data

NOISE = 0.2


def task():
    """Digits with redrawn labels."""
    return find("task", "flipped")(task=find("task", "digits")(), share=NOISE)


def single(data: Data, rows: np.ndarray) -> np.ndarray:
    """Those of the rows that have no copy."""
    copies = data.grouping.copies
    alone = np.bincount(np.unique(copies, return_inverse=True)[1])[np.unique(copies, return_inverse=True)[1]] == 1
    return rows[alone[rows]]


def table(rows: int, models: int, folder: Path) -> None:
    """The ways to forget, for three kinds of rows."""
    audit = bh.audit(task(), members=32, device="cpu", out=folder, say=lambda line: None)
    data = load_data(audit.draw_key, audit.ledger)
    noisy = single(data, stream(0, "wrong").permutation(np.flatnonzero(data.truth.changed)))[:rows]
    scores = audit.columns("memory/counterfactual")["score"]
    memorised = single(data, np.argsort(-scores))[:rows]
    anyone = single(data, stream(0, "any").permutation(len(data.train)))[:rows]
    for what, chosen in (("wrong labels", noisy), ("most memorised", memorised), ("at random", anyone)):
        print(f"\n{what}")
        found = bh.unlearn(audit, data.train.ids[chosen].tolist(), models=models)
        print("\n".join(lines(found)[1:]))


def null(rows: int, models: int, draws: int, folder: Path) -> None:
    """Exact retraining beside exact retraining of other seeds, over fresh seeds."""
    held, apart, aucs = 0, 0, []
    for seed in range(1, draws + 1):
        subject = Subject(task(), find("learner", "mlp")(), seed=seed, members=8)
        session = Session(subject, (), folder / f"{seed}", Inline(), Settings())
        with closing(session.ledger):
            session.drawn()
            key = draw_step(session.subject).key
            data = load_data(key, session.ledger)
            gone = forgotten_of(data, data.train.ids[single(data, np.flatnonzero(data.truth.changed))[:rows]].tolist())
            trainings = Trainings.of(session, key, models, gone.ids)
            reader = Reader(data, gone.rows, done(session, trainings.again(), "again"))
            found = reader.result("exact", done(session, trainings.exact(), "exact"), None, {})
        low, high = found.membership.interval
        held, apart = held + (low <= 0.5 <= high), apart + (found.either_way_p < SURE)
        aucs.append(found.membership.value)
    low, high = wilson(held, draws)
    print(f"\nexact retraining, {draws} fresh seeds: AUC {np.mean(aucs):.3f} (sd {np.std(aucs):.3f}); ")
    print(f"its interval holds 0.5 in {held} of {draws} [{low:.2f}, {high:.2f}]; told apart either way in {apart}")


def main() -> None:
    """Print the table and the check of the null."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rows", type=int, default=40)
    words.add_argument("--models", type=int, default=8)
    words.add_argument("--draws", type=int, default=40)
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table(given.rows, given.models, Path(folder) / "audit")
        null(given.rows, given.models, given.draws, Path(folder))


if __name__ == "__main__":
    main()
