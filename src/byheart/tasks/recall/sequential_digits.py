"""Sequential digits: scikit-learn's handwritten digits, a pixel at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field

from byheart.seeds import stream
from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.digits import ALL, HELD_OUT, Digits

SOLVED = 0.9  # share of new digits that must be right
PIXELS = 64


class SequentialDigits(Task):
    """Which digit is it, read pixel by pixel? The images of `digits` as sequences of 64 steps, row after row.

    Args:
        n: training images, out of the 1,437 that are not held out.
        permuted: all images in one random order of pixels, the same for every seed: neighbours in the image are then
            far apart in time.

    x (n, 64, 1) grey values in 0..1; the split and the ids are those of `digits`. Chance is what the frequencies of the
    training labels score on them. Solved: 90 % of new digits right, our own line (a linear model that sees all pixels
    at once is right on 95 %); figures published on sequential MNIST are of 784 steps and not to be compared.

    Example:
        >>> data = SequentialDigits(n=100).draw(0)
        >>> data.train.x.shape, data.output.k
        ((100, 64, 1), 10)

    Reference: Le, Jaitly, Hinton 2015, A simple way to initialize recurrent networks of rectified linear units, section
    4.2 (on MNIST); the images: Alpaydin, Kaynak 1998, Optical recognition of handwritten digits, UCI repository.
    """

    name = "sequential-digits"
    n: int = Field(default=ALL - HELD_OUT, ge=20, le=ALL - HELD_OUT)
    permuted: bool = False

    def draw(self, seed: int) -> Data:
        """The images of `digits` in the split of `seed`."""
        images = Digits(n=self.n).draw(seed)
        order = stream(0, "sequential-digits", "permuted").permutation(PIXELS) if self.permuted else np.arange(PIXELS)

        def in_time(view: Examples) -> Examples:
            return replace(view, x=view.x.reshape(len(view), PIXELS, 1)[:, order])

        shares = np.bincount(images.train.y, minlength=10) / len(images.train)
        chance = float(-(shares * np.log(np.maximum(shares, 1e-300))).sum())
        told = f"{chance:.3f} nats, {shares.max():.1%} right: the frequencies of the training labels"
        solved = f"{SOLVED:.0%} of new digits right; figures on sequential MNIST are of 784 steps"
        counted = "exact: the frequencies of the training labels, on them"
        return replace(
            images,
            views={name: in_time(view) for name, view in images.views.items()},
            output=replace(images.output, show="none"),
            truth=Truth(
                chance_loss_nats=chance,
                chance_accuracy=float(shares.max()),
                sources=dict.fromkeys(("chance_loss_nats", "chance_accuracy"), counted),
            ),
            about={
                **images.about,
                "title": "Handwritten digits, pixel by pixel" + (" in a random order" if self.permuted else ""),
                "right": "the digit",
                "chance": told,
                "solved": solved,
                "inferred": [f"chance: {told}", f"solved: {solved}"],
            },
        )
