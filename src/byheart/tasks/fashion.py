"""Fashion-MNIST: small grey pictures of clothes, real data that travels with the package."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Classes
from byheart.tasks.vendored import manifest, read_npz

FILE = "fashion-mnist-5k.npz"
CLASSES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


class Fashion(Task):
    """Which garment is it? 28 x 28 grey images of ten classes, in the official order.

    Args:
        n: training images, the first n of the official training file.
        n_test: test images, the first n of the official test file.

    The data are fixed: no seed changes them. Ids are positions in the official files, so a training and a
    test image may share a number; an id is read together with its view.

    Example:
        >>> data = Fashion(n=100, n_test=50).draw(0)
        >>> data.train.x.shape, data.output.classes[int(data.train.y[0])]
        ((100, 28, 28), 'Ankle boot')

    Reference: Xiao, Rasul, Vollgraf (2017), Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms.
    """

    name = "fashion"
    n: int = Field(default=5000, ge=20, le=5000)
    n_test: int = Field(default=2000, ge=1, le=2000)

    def draw(self, seed: int) -> Data:
        """The first `n` and `n_test` images; `seed` changes nothing, for nothing is drawn."""
        arrays = read_npz(FILE)
        train = _examples(arrays["x_train"][: self.n], arrays["y_train"][: self.n])
        test = _examples(arrays["x_test"][: self.n_test], arrays["y_test"][: self.n_test])
        shipped = manifest()[FILE]
        return Data(
            views={"train": train, "test": test},
            output=Classes(k=10, classes=CLASSES, noun=("image", "images"), show="image"),
            truth=Truth(),
            about={
                "title": "Fashion-MNIST",
                "source": shipped.source,
                "licence": shipped.licence,
                "sha256": shipped.sha256,
                "n": self.n,
                "n_test": self.n_test,
            },
        )


def _examples(images: np.ndarray, labels: np.ndarray) -> Examples:
    x = images.astype(np.float32) / np.float32(255)
    return Examples(ids=np.arange(len(x), dtype=np.int64), x=x, y=labels.astype(np.int64))
