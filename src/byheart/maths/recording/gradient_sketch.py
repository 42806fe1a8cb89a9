"""Gradient sketch: the few numbers by which the gradient of a recorded step is known again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from byheart.errors import InputRefused
from byheart.maths.shapes import Float

SIZE = 4
# A float32 batch gradient taken twice in another order agrees to about 1e-6; another loss does not to 1e-2.
AGREES = 1e-3
ROUNDING = 100  # in eps of the largest gradient: what is left where example gradients cancel


class Sketch:
    """Sums s (4,) of the entries of a vector (p,) with random signs, entry j into sum j mod 4.

    The expected square of |s(a) - s(b)| is |a - b|^2: two gradients have one sketch if they are one.
    """

    def __init__(self, p: int, device: torch.device | str = "cpu") -> None:
        generator = torch.Generator().manual_seed(0)
        signs = torch.randint(0, 2, (p,), generator=generator, dtype=torch.int8)
        self.signs = (2 * signs - 1).to(device)

    def __call__(self, flat: Tensor) -> Tensor:
        """The sums, float32."""
        return F.pad(flat * self.signs, (0, -len(flat) % SIZE)).view(-1, SIZE).sum(0).float().cpu()


def rounding(sketches: Sequence[Float[Tensor, " _"]], like: Float[Tensor, " p"]) -> float:
    """How long is what rounding leaves of gradients, where those of the examples cancel?

    Length of what rounding leaves of gradients of the type of `like`, where those of the examples cancel.
    """
    return ROUNDING * torch.finfo(like.dtype).eps * max((float(s.norm()) for s in sketches), default=0.0)


def refuse_step(step: int, off: float) -> InputRefused:
    """How is a step refused whose gradient is not the recorded one?

    The error for a step whose gradient is `off` by this share of its length, the first such one.
    """
    return InputRefused(
        expected=f"step {step}: the recorded gradient again, from the loss of its batch",
        came=f"a gradient that is off by {100 * off:.3g} % of its length; this step is the first",
        do="Did the loop change mode, skip a step, add a penalty, mix inputs or change dropout there? Train in one way "
        "throughout, with all of it in loss= and examples=.",
    )


class Departure:
    """How far are gradients from the recorded ones, of which `sketches` were kept?"""

    def __init__(self, sketches: Sequence[Tensor], like: Tensor) -> None:
        self.sketches, self.sketch = sketches, Sketch(len(like), like.device)
        self.floor = rounding(sketches, like)

    def at(self, step: int, gradient: Tensor) -> float:
        """|gradient - recorded| / |recorded|, as the sketches tell; 0 within rounding."""
        recorded = self.sketches[step]
        off, length = float((self.sketch(gradient) - recorded).norm()), float(recorded.norm())
        return 0.0 if off <= max(AGREES * length, self.floor) else off / max(length, 1e-300)
