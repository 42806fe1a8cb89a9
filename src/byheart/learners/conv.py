"""Conv: a small convolutional network for images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from byheart.errors import InputRefused
from byheart.learners.base import Network
from byheart.learners.mlp import drawn

if TYPE_CHECKING:
    import torch
    from torch import nn

    from byheart.tasks.data import Data


class Conv(Network):
    """3x3 convolutions with stride 2 and ReLU, one a number in `channels`, then a linear layer on all of it.

    Example:
        >>> Conv(channels=(8, 16)).channels
        (8, 16)
    """

    name: ClassVar[str] = "conv"
    channels: tuple[Annotated[int, Field(ge=1)], ...] = (16, 32)

    def inputs(self, data: Data, view: str) -> np.ndarray:
        """Channels first: (n, 1, h, w) or (n, 3, h, w) float32."""
        x = np.asarray(data.output.numbers(data.views[view].x), np.float32)
        return x[:, None] if x.ndim == 3 else np.moveaxis(x, -1, 1)

    def build(self, data: Data, generator: torch.Generator) -> nn.Module:
        """Scaled pixels, convolutions and ReLU in turn, then Flatten and Linear.

        Weights as torch draws them, from `generator` alone.

        Raises:
            InputRefused: an example is not an image (h, w) or (h, w, 3).
        """
        from torch import nn

        from byheart.training.layers import Scale

        shape, show = data.train.x.shape[1:], data.output.show
        if show not in ("image", "photograph") or len(shape) not in (2, 3):
            raise InputRefused(
                expected="images (h, w) or (h, w, 3) for conv",
                came=f"examples of shape {shape}, shown as {show}",
                do="Try --learner mlp.",
            )
        layers: list[nn.Module] = [Scale()]
        (h, w), depth = shape[:2], (1 if len(shape) == 2 else shape[2])
        for width in self.channels:
            layers += [drawn(nn.Conv2d, generator, depth, width, 3, stride=2, padding=1), nn.ReLU()]
            depth, h, w = width, (h + 1) // 2, (w + 1) // 2
        return nn.Sequential(*layers, nn.Flatten(), drawn(nn.Linear, generator, depth * h * w, data.output.k))

    def title(self, data: Data) -> str:
        """E.g. `CNN 16-32-10`."""
        return f"CNN {'-'.join(map(str, (*self.channels, data.output.k)))}"
