"""How wrong can one network be, judged on examples that nothing of it has seen?"""

from __future__ import annotations

from scipy.stats import beta

from byheart.errors import InputRefused
from byheart.maths.bounds.pac_bayes import a_delta


def hold_out(errors: int, n: int, delta: float = 0.05) -> float:
    r"""How large can the true risk of a network be that made so many errors on examples held out from it?

    The largest p with P(Binomial(n, p) <= errors) >= delta: the upper end of Clopper and Pearson, one-sided. The plain
    comparison for every certificate: no bound of a network that nothing but the prior has chosen can be tighter.

    Args:
        errors: how many of the examples it got wrong.
        n: how many examples.
        delta: the bound may fail in this share of draws.

    Returns:
        The bound, a share, errors/n to 1.

    Raises:
        InputRefused: no examples, more errors than examples, delta not between 0 and 1.

    Cost: none. Fails when: the network, or the choice of it among several, has seen the examples.

    Reference: Langford 2005, Tutorial on practical prediction theory for classification, JMLR 6, theorem 3.3.

    >>> round(hold_out(0, 100), 4), round(hold_out(10, 100), 4), hold_out(5, 5)
    (0.0295, 0.1637, 1.0)
    """
    if n < 1 or not 0 <= errors <= n:
        raise InputRefused("errors from 0 to n, and n of 1 or more", f"{errors} of {n}", "Count whole examples.")
    return 1.0 if errors == n else float(beta.isf(a_delta(delta), errors + 1, n - errors))
