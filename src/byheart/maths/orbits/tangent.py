"""Tangent: the derivatives of anybody's step along its orbit, whatever arrays it takes and gives.

A step is handed numpy arrays, or torch tensors where the state given is one; what it gives back may be either.
Without a Jacobian, that of a step which stays in torch is by `torch.func.jacrev`, of any other by central differences,

    J_ij = (f_i(x + h e_j) - f_i(x - h e_j)) / 2h,   h = eps^(1/3) max(1, |x|), eps of the precision of what comes back.

Reference: Dennis, Schnabel 1983, Numerical methods for unconstrained optimization and nonlinear equations, section 5.4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Float

CHECKED = 5  # states at which a Jacobian is compared with differences: at most of them a step may have a kink
AGREES = 0.01  # of its largest element, to which it has to agree


@dataclass(frozen=True)
class Stepped:
    """A step and its Jacobian in numpy, float64.

    Attributes:
        step: as it was given.
        jacobian: as it was given, or None.
        like: the state that was given, whose kind of array is handed on.
    """

    step: Callable[[Any], Any]
    jacobian: Callable[[Any], Any] | None
    like: Any

    def after(self, x: Float[np.ndarray, " d"]) -> np.ndarray:
        """The next state."""
        return _numbers(self.step(self._handed(x)))

    def slopes(self, states: Float[np.ndarray, "t d"], together: bool) -> np.ndarray:
        """The Jacobian at each state; `together`: in one call."""
        if together and self.jacobian is not None:
            return _numbers(self.jacobian(self._handed(states)))
        return np.stack([self.slope(x) for x in states])

    def slope(self, x: Float[np.ndarray, " d"]) -> np.ndarray:
        """The Jacobian at a state."""
        if self.jacobian is not None:
            return _numbers(self.jacobian(self._handed(x)))
        if hasattr(self.like, "detach") and hasattr(self.step(self._handed(x)), "detach"):
            from torch.func import jacrev

            return _numbers(jacrev(self.step)(self._handed(x)))
        return self.differences(x)

    def differences(self, x: Float[np.ndarray, " d"], wider: float = 1.0) -> Float[np.ndarray, "d d"]:
        """Central differences, `wider` times as wide as the precision asks for."""
        given = self.step(self._handed(x))
        single = "32" in str(getattr(given, "dtype", "")) or "32" in str(getattr(self.like, "dtype", ""))
        h = float(np.finfo(np.float32 if single else np.float64).eps) ** (1 / 3) * wider * max(1.0, np.abs(x).max())
        return np.stack([(self.after(x + one) - self.after(x - one)) / (2 * h) for one in h * np.eye(len(x))], 1)

    def takes_many(self, x: Float[np.ndarray, " d"]) -> bool:
        """Does the Jacobian give the same of many states in one call? Tried with one more than it has coordinates."""
        if self.jacobian is None:
            return False
        several = x + 1e-3 * np.arange(len(x) + 1)[:, None]
        alone = self.slopes(several, False)
        try:
            together = _numbers(self.jacobian(self._handed(several)))
        except Exception:  # a Jacobian of one state need not accept several, and may say so in any way: called for each
            return False
        return together.shape == alone.shape and np.allclose(together, alone, rtol=1e-9, atol=1e-12)

    def must_agree(self, states: Float[np.ndarray, "t d"]) -> None:
        """Is the Jacobian that was given the one of the step?

        Raises:
            InputRefused: at most of the states it is neither equal to narrow nor to wide differences.
        """
        if self.jacobian is None:
            return
        worst = [self._disagreement(x) for x in states]
        if sum(apart > AGREES for apart, *_ in worst) * 2 > len(worst):
            _, i, j, said, found = max(worst)
            raise InputRefused(
                expected=f"the Jacobian of the step from one state to the next: d(next {i})/d(state {j}) = {found:.6g}",
                came=f"{said:.6g}",
                do="Give the Jacobian of the map (not of its flow), rows the next state; or leave it out.",
            )

    def _disagreement(self, x: Float[np.ndarray, " d"]) -> tuple[float, int, int, float, float]:
        """Largest difference as a share of the largest element, where it is, and both numbers there."""
        said = self.slope(x)
        if said.shape != (len(x), len(x)):
            raise InputRefused(
                f"a Jacobian of shape {(len(x), len(x))}", f"shape {said.shape}", "Rows the next state, columns this."
            )
        found = min((self.differences(x, wider) for wider in (1.0, 100.0)), key=lambda one: np.abs(one - said).max())
        apart = np.abs(said - found)
        i, j = np.unravel_index(int(np.argmax(apart)), apart.shape)
        scale = max(float(np.abs(found).max()), float(np.abs(said).max()), 1e-300)
        return float(apart[i, j]) / scale, int(i), int(j), float(said[i, j]), float(found[i, j])

    def _handed(self, x: np.ndarray) -> Any:
        """The states as the kind of array that the state given was."""
        if not hasattr(self.like, "detach"):
            return x
        import torch

        kind = self.like.dtype if self.like.dtype.is_floating_point else torch.float64
        return torch.as_tensor(x, dtype=kind, device=self.like.device)


def stepped(step: Callable[[Any], Any], jacobian: Callable[[Any], Any] | None, state: Any) -> Stepped:
    """What takes a step from this state, in numpy?

    Raises:
        InputRefused: the state is no vector of numbers; the step gives another shape.
    """
    x = array(state, "the state", "d").astype(np.float64)
    both = Stepped(step, jacobian, state)
    after = both.after(x)
    if after.shape != x.shape or not len(x):
        raise InputRefused(
            f"a step from a state of shape {x.shape} to one", f"shape {after.shape}", "step(state) is the next state."
        )
    return both


def _numbers(value: Any) -> np.ndarray:
    """numpy, float64, of an array or a tensor."""
    return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value, dtype=np.float64)
