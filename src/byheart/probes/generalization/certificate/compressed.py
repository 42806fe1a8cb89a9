"""The shortest code of the mean network of a posterior, and the bound that its length gives."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from byheart.errors import InputRefused
from byheart.maths.bounds import compressed, description_nats
from byheart.maths.bounds.stochastic_network import StochasticNetwork, wrong_at
from byheart.maths.codes.weight_code import code_bits, decoded, encoded, quantised
from byheart.probes.generalization.certificate.split import Pair

STEPS = tuple(2.0**-j for j in range(12))  # of the quantised weights; which one is in the code


class CodedNetwork(NamedTuple):
    """A decoded network: length of its code, step, errors on the examples that certify, and the bound."""

    bits: int
    step: float
    risk: float
    nats: float
    bound: float


def coded(network: StochasticNetwork, examples: Pair, delta: float) -> CodedNetwork:
    """The bound of the network that is decoded from the mean weights' code, at the step where it is smallest.

    Which step is written in front, in bits enough for all of them. The code is really written, and the network that
    is judged is the one read back from it.
    """
    header = math.ceil(math.log2(len(STEPS)))
    n, found = len(examples[1]), []
    for step in STEPS:
        try:
            steps, weights = quantised(network.mean, network.centre, step)
        except InputRefused:  # weights too far from the centre for steps so small
            continue
        risk = _risk(network, weights, examples)
        found.append((compressed(risk, header + math.ceil(code_bits(steps)) + 2, n, delta), -step, steps))
    _, least, steps = min(found, key=lambda one: one[:2])
    word = encoded(steps)
    bits = header + word.bits
    risk = _risk(network, network.centre.double().numpy() - least * decoded(word, len(steps)), examples)
    return CodedNetwork(bits, -least, risk, description_nats(bits), compressed(risk, bits, n, delta))


def _risk(network: StochasticNetwork, weights: object, examples: Pair) -> float:
    made = torch.as_tensor(weights, dtype=network.centre.dtype)
    return float(wrong_at(network.call, made, *examples).double().mean())
