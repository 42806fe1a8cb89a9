"""Planted noise: any classification task with a known part of its training labels redrawn at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field

from byheart.errors import InputRefused
from byheart.seeds import stream
from byheart.tasks.base import Within
from byheart.tasks.data import Data, Truth

OURS = "noise we planted"


class Flipped(Within):
    """Which labels are wrong? A task whose answer to that is known, for we made them wrong.

    Args:
        task: a classification task, or the name of one.
        share: part of the training labels that is redrawn, in [0, 1].
        control: whether the noise is a control of the audit, whose rows no total speaks of, or part of the data.

    Exactly round(share * n) training labels, chosen at random, are redrawn uniformly over the k classes; a
    redraw may hit the true one, so about share * (1 - 1/k) of the labels end up different. The test stays
    clean. With s = share, the probability of a label given the original one is 1 - s + s/k for the same
    label and s/k for every other. Flips over flips compose: `truth.clean` stays the innermost labels, and
    `truth.redrawn` counts the redraws of all layers.

    Example:
        >>> data = Flipped(task="digits", share=0.1).draw(0)
        >>> data.truth.redrawn, int(data.truth.changed.sum()) <= 144
        (144, True)

    Reference: Zhang, Bengio, Hardt, Recht, Vinyals (2017), Understanding deep learning requires rethinking
    generalization (there every label; here a share).
    """

    name = "flipped"
    share: float = Field(default=0.05, ge=0, le=1)
    control: bool = False

    def draw(self, seed: int) -> Data:
        """The data of the task within, with its training labels redrawn from the stream `flips` of `seed`.

        Raises:
            InputRefused: the task within gives values, not classes.
        """
        data = self.task.draw(seed)
        if not data.output.labelled:
            raise InputRefused(
                expected="a classification task: labels are redrawn among classes",
                came=f"{self.task.name} ({data.about.get('title', 'untitled')}), which gives {data.output.kind}",
                do="Audit it without planted noise, or cut its values into classes first.",
            )
        # the stream is named by the task within, so that flips over flips are drawn apart
        source = stream(seed, "flips", self.task.key())
        original, k = data.train.y, data.output.k
        redrawn = source.permutation(len(original))[: round(self.share * len(original))]
        labels = original.copy()
        labels[redrawn] = source.integers(0, k, size=len(redrawn))
        train = replace(data.train, y=labels)
        return replace(
            data,
            views={**data.views, "train": train},
            truth=replace(
                _truth(data.truth, original, labels, k, self.share, len(redrawn)),
                control=_control(data.truth, redrawn, len(labels)) if self.control else data.truth.control,
            ),
            about={**data.about, "flips": _line(len(redrawn), original, labels)},
        )


def _control(inner: Truth, redrawn: np.ndarray, n: int) -> np.ndarray:
    rows = np.zeros(n, dtype=bool) if inner.control is None else inner.control.copy()
    rows[redrawn] = True
    return rows


def _truth(inner: Truth, original: np.ndarray, labels: np.ndarray, k: int, share: float, count: int) -> Truth:
    clean = original.copy() if inner.clean is None else inner.clean
    noise = (1 - share) * np.eye(k) + share / k
    posterior = noise if inner.posterior is None else inner.posterior @ noise
    # (k, k) is a row a class, (n, k) a row an example
    rows = posterior[clean] if len(posterior) == k else posterior
    nats = -np.log(rows[np.arange(len(labels)), labels])
    within = inner.sources.get("posterior")
    source = OURS if within is None else f"{OURS}, over: {within}"
    return Truth(
        clean=clean,
        changed=labels != clean,
        redrawn=inner.redrawn + count,
        posterior=posterior,
        best_loss_nats=float(nats.mean()) + 0.0,  # no minus zero
        clean_views=inner.clean_views,  # training labels alone are redrawn
        sources={
            "clean": inner.sources.get("clean", "the labels before we planted noise"),
            "changed": OURS,
            "redrawn": OURS,
            "posterior": source,
            "best_loss_nats": source,
        },
    )


def _line(redrawn: int, original: np.ndarray, labels: np.ndarray) -> str:
    differ = int((labels != original).sum())
    return f"{redrawn} of {len(labels)} training labels redrawn at random by us; {differ} of them differ now"
