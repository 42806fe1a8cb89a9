"""How wrong can one network be on new examples, given how short a code writes it down?"""

from __future__ import annotations

import math

from byheart.errors import InputRefused
from byheart.maths.bounds.pac_bayes import seeger

FEWEST_BITS = 2


def description_nats(bits: int) -> float:
    r"""How many nats does a prior pay for a network that a code of so many bits writes down?

    ln(1/P) = bits ln 2 + 2 ln bits, for P(code) = 2^-bits / bits^2. Of each length there are at most 2^bits codes, and
    the sum of 1 / bits^2 from 2 on is 0.645: P is a prior, whatever the code, prefix-free or not.

    Args:
        bits: length of the code of everything that the decoder does not know before, at least 2.

    Returns:
        Nats.

    Raises:
        InputRefused: fewer than 2 bits.

    Cost: none. Fails when: something that was chosen by looking at the examples is not in the code.

    Reference: Zhou et al. 2019, Non-vacuous generalization bounds at the ImageNet scale, theorem 4.1; Lotfi et al.
    2022, PAC-Bayes compression bounds so tight that they can explain generalization, section 3.

    >>> round(description_nats(100), 3)
    78.525
    """
    if bits < FEWEST_BITS:
        raise InputRefused(f"at least {FEWEST_BITS} bits", str(bits), "Count the header of the code as well.")
    return bits * math.log(2) + 2 * math.log(bits)


def compressed(risk: float, bits: int, n: int, delta: float = 0.05) -> float:
    r"""How large can the true risk of one network be, whose weights a code of so many bits writes down?

    `seeger` with KL = bits ln 2 + 2 ln bits. It speaks of the decoded network itself, not of a mean over draws.

    Args:
        risk: its empirical risk on the n examples, 0 to 1.
        bits: length of its code.
        n: examples; the code may have been chosen by looking at them.
        delta: the bound may fail in this share of draws.

    Returns:
        The bound, a share.

    Raises:
        InputRefused: as `seeger` and `description_nats`.

    Cost: none. Fails when: risk is not that of the decoded network, or as `description_nats`.

    Reference: as `description_nats`.

    >>> round(compressed(0.1, 100, 1000), 3), compressed(0.1, 10**6, 1000)
    (0.266, 1.0)
    """
    return seeger(risk, description_nats(bits), n, delta)
