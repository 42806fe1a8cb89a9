"""Handwritten digits: 1,797 images of 8 x 8 pixels that come with scikit-learn."""

from __future__ import annotations

import hashlib

import numpy as np
from pydantic import Field

from byheart.seeds import stream
from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Classes

ALL = 1797
HELD_OUT = 360


class Digits(Task):
    """Which digit is it? 8 x 8 grey images of ten classes, split at random from the seed.

    Args:
        n: training images, out of the 1,437 that are not held out.

    360 images are held out by the seed whatever `n` is, so data of different sizes share their test.
    Ids are positions in scikit-learn's `load_digits`.

    Example:
        >>> data = Digits().draw(0)
        >>> len(data.train), len(data.views["test"]), data.train.x.shape[1:]
        (1437, 360, (8, 8))

    Reference: Alpaydin, Kaynak (1998), Optical Recognition of Handwritten Digits, UCI repository.
    """

    name = "digits"
    n: int = Field(default=ALL - HELD_OUT, ge=20, le=ALL - HELD_OUT)

    def draw(self, seed: int) -> Data:
        """The images in the split of `seed`."""
        from sklearn.datasets import load_digits

        bunch = load_digits()
        x = (bunch.images / 16).astype(np.float32)
        y = bunch.target.astype(np.int64)
        everything = Examples(ids=np.arange(ALL, dtype=np.int64), x=x, y=y)
        order = stream(seed, "digits", "split").permutation(ALL)
        test = everything.take(np.sort(order[:HELD_OUT]))
        train = everything.take(np.sort(order[HELD_OUT : HELD_OUT + self.n]))
        return Data(
            views={"train": train, "test": test},
            output=Classes(k=10, classes=tuple("0123456789"), noun=("digit", "digits"), show="image", target="digit"),
            truth=Truth(),
            about=_about(everything, len(train), len(test)),
        )


def _about(everything: Examples, n: int, n_test: int) -> dict[str, object]:
    content = everything.x.tobytes() + everything.y.tobytes()
    return {
        "title": "Handwritten digits",
        "source": "scikit-learn load_digits, from the UCI repository",
        "licence": "BSD-3-Clause (scikit-learn)",
        "sha256": hashlib.sha256(content).hexdigest(),
        "n": n,
        "n_test": n_test,
        "holdout": f"{n_test} images held out at random, from the seed",
    }
