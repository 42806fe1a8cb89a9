"""Flatness: what the radii of the four searches say, alone and in the bounds that they come from (48 to 62).

w are the weights of the linear and convolutional layers as one vector of omega numbers, m the training examples, d_i =
w_i - w_i^0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from byheart.maths.measures.evidence import DELTA, Evidence, Noted
from byheart.maths.measures.layers import Layer
from byheart.maths.measures.moved_weights import EPSILON, Kind
from byheart.maths.measures.perturbation import Radius, radius

CONSTANT = 10.0  # what they end with


def vector(layers: Sequence[Layer]) -> Tensor:
    """w (omega,)."""
    return torch.cat([layer.matrix.flatten() for layer in layers])


def distance(evidence: Evidence) -> Tensor:
    """w - w^0 (omega,)."""
    return vector(evidence.moved)


def tail(evidence: Evidence, found: Radius) -> float:
    """log(m / delta) + 10; in the published code of Dziugaite et al. log(m / sigma) + 10."""
    return math.log(evidence.m / (found.value if evidence.compat else DELTA)) + CONSTANT


def pacbayes(evidence: Evidence, vector: Tensor) -> Noted:
    """How far from `vector` in units of the noise: log(||v||^2 / (4 sigma^2) + log(m / delta) + 10)?"""
    found = radius(evidence, "sigma")
    value = float(vector @ vector) / (4 * found.value**2) + tail(evidence, found)
    return Noted(math.log(value), found.note("sigma"))


def pacbayes_init(evidence: Evidence) -> Noted:
    """How far from the start, in units of the noise that the model bears (48)?"""
    return pacbayes(evidence, distance(evidence))


def pacbayes_orig(evidence: Evidence) -> Noted:
    """How far from zero, in units of the noise that the model bears (49)?"""
    return pacbayes(evidence, vector(evidence.layers))


def sharpness(evidence: Evidence, vector: Tensor) -> Noted:
    """How far in units of the box: log(||v||^2 log(2 omega) / (4 alpha^2) + log(m / delta) + 10)?"""
    found = radius(evidence, "alpha")
    value = float(vector @ vector) * math.log(2 * len(vector)) / (4 * found.value**2)
    return Noted(math.log(value + math.log(evidence.m / DELTA) + CONSTANT), found.note("alpha"))


def sharpness_init(evidence: Evidence) -> Noted:
    """How far from the start, in units of the box that the model bears (51)?"""
    return sharpness(evidence, distance(evidence))


def sharpness_orig(evidence: Evidence) -> Noted:
    """How far from zero, in units of the box that the model bears (52)?"""
    return sharpness(evidence, vector(evidence.layers))


def flatness(kind: Kind) -> Callable[[Evidence], Noted]:
    """The function of a search: log 1/radius^2 (53, 54, 61, 62)."""

    def inverse(evidence: Evidence) -> Noted:
        found = radius(evidence, kind)
        return Noted(-2 * math.log(found.value), found.note(kind))

    return inverse


pacbayes_flatness = flatness("sigma")
sharpness_flatness = flatness("alpha")
pacbayes_mag_flatness = flatness("sigma-mag")
sharpness_mag_flatness = flatness("alpha-mag")


def magnitude_aware(vector: Tensor, distance: Tensor, scale: float, extra: float) -> float:
    """1/4 sum_i log[(eps^2 + (scale^2 + extra) ||v||^2 / omega) / (eps^2 + scale^2 d_i^2)]."""
    above = EPSILON**2 + (scale**2 + extra) * float(vector @ vector) / len(vector)
    below = (EPSILON**2 + scale**2 * distance**2).log().sum()
    return (len(vector) * math.log(above) - float(below)) / 4


def pacbayes_mag(evidence: Evidence, vector: Tensor) -> Noted:
    """The bound of relative noise, with 1 as `extra`."""
    found = radius(evidence, "sigma-mag")
    value = magnitude_aware(vector, distance(evidence), found.value, 1.0)
    return Noted(value + tail(evidence, found), found.note("sigma-mag"))


def pacbayes_mag_init(evidence: Evidence) -> Noted:
    """How large is the bound of relative noise around the start (56)?"""
    return logarithm(pacbayes_mag(evidence, distance(evidence)))


def pacbayes_mag_orig(evidence: Evidence) -> Noted:
    """How large is the bound of relative noise around zero, which can be negative (57)?"""
    return pacbayes_mag(evidence, vector(evidence.layers))


def sharpness_mag(evidence: Evidence, vector: Tensor) -> Noted:
    """The bound of a relative box, with 4 log(2 omega / delta) as `extra`."""
    found = radius(evidence, "alpha-mag")
    value = magnitude_aware(vector, distance(evidence), found.value, 4 * math.log(2 * len(vector) / DELTA))
    return Noted(value + math.log(evidence.m / DELTA) + CONSTANT, found.note("alpha-mag"))


def sharpness_mag_init(evidence: Evidence) -> Noted:
    """How large is the bound of a relative box around the start (59)?"""
    return logarithm(sharpness_mag(evidence, distance(evidence)))


def sharpness_mag_orig(evidence: Evidence) -> Noted:
    """How large is the bound of a relative box around zero, which can be negative (60)?"""
    return sharpness_mag(evidence, vector(evidence.layers))


def logarithm(found: Noted) -> Noted:
    """The logarithm of a bound that is at least log(m / delta) + 10: around the start no term of the sum's mean is
    below zero, for the logarithm is concave.
    """
    return Noted(math.log(found.value), found.note)
