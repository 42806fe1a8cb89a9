"""The calibration behind the codes: a log-linear pool of model and reference, fitted on the other half."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.shapes import Bool, Float, Given, Int, Shaped
from byheart.maths.statistics.effective_sample_size import FEWEST, known, worth

CHUNK = 1 << 16
ITERATIONS = 200
# nats a row: the Newton decrement below which a step changes no printed digit
CLOSE = 1e-11
# fewest groups, largest part of the examples in one, and least part in the smaller half: what is fitted on less is
# fitted on other material than it codes, and no interval over examples knows that
GROUPS, LARGEST, PART = 20, 0.3, 1 / 3


class Pool(NamedTuple):
    """Weights of the pool softmax(b z + a log q0): `b` >= 0 on the model's logits, `a` on the reference."""

    b: float
    a: float


# whoever knows nothing is coded like the reference
REFERENCE_ALONE = Pool(0.0, 1.0)


def halves(
    n: int, seed: int = 0, ids: Given[Any, " n"] | None = None, groups: Given[Any, " n"] | None = None
) -> Bool[np.ndarray, " n"]:
    """Which of two halves is each example in, so that none helps to choose its own calibration?

    Groups (single examples without `groups`) are ordered by the hash BLAKE2b(seed, name) and taken into the
    first half while it holds fewer than n/2 examples. The half depends on the seed and the names, not on the
    order of the rows.

    Args:
        n: number of examples.
        seed: of the hash.
        ids: (n,) names of the examples, row numbers if absent.
        groups: (n,) names of groups that stay together (copies of one another), the ids if absent.

    Returns:
        (n,) bool, True for the first half. With a single group the second half is empty.

    Raises:
        InputRefused: ids or groups of another length.

    Cost: one hash a group. Fails when: one group holds most examples; the halves are then unequal.

    Reference: byheart, reference/complexity.md 3.7 step 3. Departs from a plain hash bit, which can leave one
    half of few examples empty.

    >>> int(halves(10, seed=1).sum())
    5
    """
    names = groups if groups is not None else ids if ids is not None else range(n)
    if isinstance(names, np.ndarray) and names.dtype != object:
        names = names.tolist()  # at once, which is ten times as fast
    names = tuple(str(name.item() if hasattr(name, "item") else name) for name in names)
    if len(names) != n:
        what = "groups" if groups is not None else "ids"
        raise InputRefused(f"{what} of shape ({n},)", f"{len(names)} of them", f"Give one of the {what} per example.")
    return _first_half(names, seed).copy()


@functools.lru_cache(maxsize=4)  # the codes of one study ask for the same halves a dozen times
def _first_half(names: tuple[str, ...], seed: int) -> np.ndarray:
    unique, place, sizes = np.unique(np.array(names, dtype=object).astype(str), return_inverse=True, return_counts=True)
    digests = [hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=16).digest() for name in unique]
    order = sorted(range(len(unique)), key=digests.__getitem__)
    before = np.cumsum(sizes[order]) - sizes[order]
    first = np.empty(len(unique), bool)
    first[order] = before < len(names) / 2
    return first[place.ravel()]


class Lacking(NamedTuple):
    """Why codes cannot be calibrated: a code (`records.reason` says when each is given), and its figures."""

    code: Literal["few groups", "large group", "uneven halves", "dependent groups"]
    figures: dict[str, float]


def lacking(
    n: int, seed: int = 0, ids: Given[Any, " n"] | None = None, groups: Given[Any, " n"] | None = None
) -> Lacking | None:
    """Why can the codes not be calibrated across halves of these examples?

    None where they can.

    A group (copies, or one of the user's) stands in one half and is left out as a whole. Where one holds many, each
    half is coded by a pool that was fitted on something else, and understood comes out as 0 with a narrow interval.

    Args:
        n: number of examples.
        seed: of the halves.
        ids: (n,) names of the examples, as for `halves`.
        groups: (n,) names of groups, as for `halves`.

    Returns:
        The reason by its code, with its figures; None where nothing stands in the way.

    Raises:
        InputRefused: ids or groups of another length.

    Cost: one hash a group. Fails when: groups are alike without being copies: they count as so many draws.

    Reference: byheart, reference/complexity.md 3.7 step 3.

    >>> lacking(100), lacking(100, groups=[0] * 97 + [1, 2, 3])
    (None, Lacking(code='few groups', figures={'groups': 4, 'needed': 20}))
    """
    sizes = np.ones(n) if groups is None else np.unique(groups, return_counts=True)[1]
    if len(sizes) < GROUPS:
        return Lacking("few groups", {"groups": len(sizes), "needed": GROUPS})
    if sizes.max() > LARGEST * n:
        return Lacking("large group", {"share": float(sizes.max() / n), "most": LARGEST})
    part = float(halves(n, seed, ids, groups).mean())
    part = min(part, 1 - part)
    if part < PART:
        return Lacking("uneven halves", {"share": part})
    if groups is not None and not known(draws := worth(groups), n):
        return Lacking("dependent groups", {"draws": float(draws), "needed": FEWEST})
    return None


def chunks(rows: int, k: int) -> Iterator[slice]:
    """Slices over `rows` that keep an array of k columns in the processor's cache."""
    step = max(1, CHUNK // max(k, 1))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def lengths_nats(
    z: Shaped[np.ndarray, "r k"], labels: Int[np.ndarray, " r"], log_q: Shaped[np.ndarray, " k"], pool: Pool, mix: float
) -> Float[np.ndarray, " r"]:
    """How long are the codes of these labels under one pool, in nats?

    Code lengths -log((1 - e) p + e q0)[label] in nats, (r,), of rows of logits z (r, k) under one pool.
    """
    result = np.empty(len(z))
    for part in chunks(*z.shape):
        u, own = _upright(z[part]), labels[part]
        u *= pool.b
        u += pool.a * log_q[:, None]
        u -= u.max(0)
        log_p = u[own, np.arange(len(own))] - np.log(np.exp(u).sum(0))
        result[part] = -np.logaddexp(np.log1p(-mix) + log_p, np.log(mix) + log_q[own])
    return result


def _upright(z: np.ndarray) -> np.ndarray:
    """(k, r) float64 of rows (r, k): what goes over few classes is then done to many rows at once."""
    return z.T.astype(np.float64, order="C")


def fit_pool(
    z: Shaped[np.ndarray, "r k"], labels: Int[np.ndarray, " r"], log_q: Shaped[np.ndarray, " k"], mix: float
) -> Pool:
    r"""Which weights of model and reference code these labels shortest?

    Minimises the mean over rows of -log((1 - e) p[y] + e q0[y]), p = softmax(b z + a log q0), over b >= 0 and
    a. By projected Newton with analytic gradient and Hessian. The mixing with e makes the convex problem
    slightly non-convex: with r = (1 - e) p / ((1 - e) p + e q0) the exact Hessian is sum r C - r (1 - r) g
    g^T, C the covariance of (z, log q0) under p and g the gradient of log p[y]; where that is not positive
    definite the step uses sum r C alone (the convex bound of expectation-maximisation). The start is the
    reference (b = 0, a = 1) and each step must shorten the code, so the fit is the minimum that is reached
    downhill from knowing nothing, never longer than the reference. b has no upper limit: where the seen
    labels are separable it grows until the code stops shortening.

    Args:
        z: (r, k) logits.
        labels: (r,) classes.
        log_q: (k,) log of the reference probabilities.
        mix: e, the share of the reference in the mixture.

    Returns:
        The pool; `REFERENCE_ALONE` when there are no rows.

    Raises:
        Nothing: the callers check their input.

    Cost: about 10 to 25 passes over z in float64, in chunks. Fails when: all rows agree so that b grows
    without end (stopped when a step gains less than 1e-11 nats).

    Reference: byheart, reference/complexity.md 3.7 step 2; Bertsekas 1982, "Projected Newton methods", SIAM
    J. Control and Optimization 20.

    >>> import numpy as np
    >>> fit_pool(np.zeros((4, 2)), np.array([0, 1, 0, 1]), np.log([0.5, 0.5]), 0.1)
    Pool(b=0.0, a=1.0)
    """
    if not len(z):
        return REFERENCE_ALONE
    z_unit, q_unit = _spread(z), float(np.std(log_q))
    # equal class frequencies: log q0 is constant up to rounding and a is arbitrary
    q_unit = q_unit if q_unit > 1e-9 else 0.0
    l = (log_q - log_q.mean()) / q_unit if q_unit else np.zeros_like(log_q)
    if not z_unit and not q_unit:
        return REFERENCE_ALONE
    scale = 1 / z_unit if z_unit else 0.0
    point = np.array([0.0, q_unit])
    value, gradient, hessian, bound = _evaluate(z, scale, labels, l, log_q, mix, point)
    for _ in range(ITERATIONS):
        step, decrement = _newton_step(point, gradient, hessian, bound)
        if decrement < CLOSE:
            break
        length = 1.0
        while length > 1e-6:
            trial = point + length * step
            trial[0] = max(trial[0], 0.0)
            found = _evaluate(z, scale, labels, l, log_q, mix, trial)
            if found[0] <= value + 1e-4 * float(gradient @ (trial - point)):
                break
            length *= 0.5
        else:
            break
        point = trial
        value, gradient, hessian, bound = found
    return Pool(float(point[0] * scale), float(point[1] / q_unit) if q_unit else 1.0)


def _spread(z: np.ndarray) -> float:
    """Root mean square of the logits about their row means: the unit that makes a fit blind to scale."""
    total = 0.0
    for part in chunks(*z.shape):
        rows = z[part].astype(np.float64)
        rows -= rows.mean(1, keepdims=True)
        total += float(np.einsum("rk,rk->", rows, rows))
    spread = (total / z.size) ** 0.5
    return spread if spread > 1e-30 else 0.0


def _newton_step(
    point: np.ndarray, gradient: np.ndarray, hessian: np.ndarray, bound: np.ndarray
) -> tuple[np.ndarray, float]:
    """The projected Newton step and its decrement, half of which is the expected gain."""
    exact = hessian[0, 0] > 0 and hessian[1, 1] > 0
    exact = exact and np.linalg.det(hessian) > 1e-10 * hessian[0, 0] * hessian[1, 1]
    matrix = hessian if exact else bound
    step = np.zeros(2)
    free = [axis for axis in (0, 1) if matrix[axis, axis] > 1e-300]
    if point[0] <= 0 and gradient[0] >= 0 and 0 in free:
        free.remove(0)
    if free:
        block = matrix[np.ix_(free, free)] * (1 + 1e-9 * np.eye(len(free)))
        step[free] = np.linalg.solve(block, -gradient[free])
        if point[0] + step[0] < 0:
            # the bound will stop b: let a move as if b already stood there
            step[0] = -point[0]
            if 1 in free:
                step[1] = -(gradient[1] + matrix[0, 1] * step[0]) / matrix[1, 1]
    return step, max(0.0, -float(gradient @ step))


def _evaluate(
    z: np.ndarray, scale: float, labels: np.ndarray, l: np.ndarray, log_q: np.ndarray, mix: float, point: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Mean length in nats, its gradient, exact Hessian and convex bound, in the scaled coordinates (b, a)."""
    value, gradient, bound, outer = 0.0, np.zeros(2), np.zeros((2, 2)), np.zeros((2, 2))
    offset, log_mix, log_rest = point[1] * l[:, None], np.log(mix) + log_q, np.log1p(-mix)
    both = np.stack([np.ones_like(l), l, l * l])
    for part in chunks(*z.shape):
        rows, own = _upright(z[part]), labels[part]
        rows *= scale
        p = point[0] * rows
        p += offset
        p -= p.max(0)
        mine = own, np.arange(len(own))
        own_u, own_z = p[mine], rows[mine]
        np.exp(p, out=p)
        total, l_mean, ll_mean = both @ p
        p *= rows
        z_mean, zl_mean = both[:2] @ p / total
        p *= rows
        zz_mean = p.sum(0) / total
        l_mean, ll_mean = l_mean / total, ll_mean / total
        log_p = log_rest + own_u - np.log(total)
        log_mixed = np.logaddexp(log_p, log_mix[own])
        r = np.exp(log_p - log_mixed)
        g = np.stack([own_z - z_mean, l[own] - l_mean])
        value -= float(log_mixed.sum())
        gradient -= g @ r
        zl = float(r @ (zl_mean - z_mean * l_mean))
        bound += [[r @ (zz_mean - z_mean**2), zl], [zl, r @ (ll_mean - l_mean**2)]]
        outer += (g * (r * (1 - r))) @ g.T
    n = len(z)
    return value / n, gradient / n, (bound - outer) / n, bound / n
