"""Marginal likelihood: the evidence of the training data for a trained model, by the Laplace approximation.

With weights theta (p,) at a mode, a prior N(0, I / tau) and log likelihood log p(D | theta) = -sum_i l_i,

    log p(D) = log p(D | theta) - 1/2 [ tau ||theta||^2 + log det(G + tau) - p log tau ],

G the sum over examples of the Gauss-Newton matrices. The bracket is what the model pays for its weights. The fitting is
laplace-torch's; this is the one file that knows it.

Reference: MacKay 1992, "A practical Bayesian framework for backpropagation networks", Neural Computation 4, section 3;
Immer et al. 2021, "Scalable marginal likelihood estimation for model selection in deep learning", ICML, section 3;
Daxberger et al. 2021, "Laplace redux: effortless Bayesian deep learning", NeurIPS (the package).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from byheart.errors import InputRefused, unknown_name
from byheart.maths.curvature.curvature_matrix import BATCH, DENSE, curvature_matrix
from byheart.maths.recording.trace import Trace

STRUCTURES = ("auto", "full", "kron", "diag")
WIDEST, NARROWEST = 1e-6, 1e6  # prior precisions that are searched between


@dataclass(frozen=True)
class LaplaceEvidence:
    """How likely the training data are under the model, its weights averaged over.

    Attributes:
        log_evidence: log p(D) [nats], the sum of the next two.
        log_likelihood: log p(D | theta) [nats].
        complexity: minus the bracket's half [nats]: what is paid for the weights, 0 or less where the prior is wide.
        prior_precision: tau.
        structure: of the curvature: `full`, `kron` or `diag`.
        n: how many examples.
    """

    log_evidence: float
    log_likelihood: float
    complexity: float
    prior_precision: float
    structure: str
    n: int

    @property
    def per_example(self) -> float:
        """log p(D) / n [nats per example]."""
        return self.log_evidence / self.n


def log_evidence(
    model: nn.Module,
    examples: tuple[Any, Any],
    prior_precision: float | None = 1.0,
    *,
    noise: float = 1.0,
    structure: str = "auto",
) -> LaplaceEvidence:
    r"""How likely are the training data under this model, its weights averaged over?

    The formula stands at the head of the file, in nats. It rises with the fit and falls with the number of directions
    in which the data have settled the weights. Exact for linear regression at its posterior mean. The poles have no
    part in it: they have no weights.

    Args:
        model: the trained model, at a mode of likelihood times prior; taken in evaluation mode.
        examples: (x (n, ...), y (n,) of class numbers or (n, k) of values), the training examples.
        prior_precision: tau above 0, one over the variance of a weight: n times an L2 coefficient of weight decay on
            the mean loss. None is the tau of the largest evidence, the weights left where they are.
        noise: standard deviation of values about the model's, for regression.
        structure: of the curvature: `full` (below 2,000 weights), `kron` a layer at a time, `diag`, or `auto`: full
            where p is small enough, else kron.

    Returns:
        `LaplaceEvidence`. The approximation has no standard error: it is no sample.

    Raises:
        InputRefused: laplace-torch is not installed; tau or noise not positive; `full` for too many weights; layers
            that `kron` does not know; what `curvature_matrix` refuses.
        UnknownName: another structure.

    Cost: a Jacobian of all examples and O(p^3) (`full`), or some passes and O(width^3) a layer (`kron`). Fails when:
    the weights are no mode, or the posterior has many: the Gaussian around one of them is then not the posterior.
    Reference: MacKay 1992, section 3; Immer et al. 2021, section 3 (titles at the head of the file).

    >>> x, y = torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [2.0]])
    >>> model = nn.Linear(1, 1, bias=False)
    >>> _ = model.weight.data.fill_(5 / 6)  # X'y / (X'X + tau)
    >>> round(log_evidence(model, (x, y)).log_evidence, 4)  # log N(y; 0, 1 + xx')
    -3.1504
    """
    if structure not in STRUCTURES:
        raise unknown_name("structure", structure, STRUCTURES)
    for name, value in (("prior_precision", prior_precision), ("noise", noise)):
        if value is not None and not 0 < value < math.inf:
            raise InputRefused(f"{name} above 0", str(value), "Leave it at its default.")
    made = curvature_matrix(model, examples, "ggn", way="products")
    if structure == "full" and made.size >= DENSE:
        raise InputRefused(f"fewer than {DENSE} weights for structure='full'", str(made.size), "Use structure='kron'.")
    structure = ("full" if made.size < DENSE else "kron") if structure == "auto" else structure
    evidence = _fitted(made.trace, structure, noise)
    tau = _best(evidence) if prior_precision is None else float(prior_precision)
    whole, likelihood = evidence(tau)
    return LaplaceEvidence(whole, likelihood, whole - likelihood, tau, structure, made.trace.n)


def _fitted(trace: Trace, structure: str, noise: float) -> Callable[[float], tuple[float, float]]:
    """tau -> (log evidence, log likelihood)."""
    try:
        from laplace import Laplace
    except ImportError as error:
        raise InputRefused(
            expected="laplace-torch, which fits the curvature for the evidence",
            came="none installed",
            do='Install it: pip install "byheart[laplace]".',
        ) from error
    from torch.utils.data import DataLoader, TensorDataset

    if not isinstance(trace.x, Tensor) or not isinstance(trace.y, Tensor):
        raise InputRefused("x and y as arrays or tensors", type(trace.x).__name__, "Give one tensor of inputs.")
    values = trace.y.is_floating_point()
    y = trace.y.reshape(trace.n, -1) if values else trace.y
    kind, more = ("regression", {"sigma_noise": noise}) if values else ("classification", {})
    try:
        with _doubles():
            fitted = Laplace(
                trace.module.eval(),
                kind,
                subset_of_weights="all",
                hessian_structure=structure,
                prior_precision=1.0,
                **more,
            )
            fitted.fit(DataLoader(TensorDataset(trace.x, y), batch_size=BATCH))
    except NotImplementedError as error:
        raise InputRefused(
            expected=f"layers that structure={structure!r} knows",
            came=str(error).splitlines()[0][:200].rstrip("."),
            do="Use structure='diag', or 'full' below 2,000 weights.",
        ) from error

    def at(tau: float) -> tuple[float, float]:
        precision = torch.tensor([tau], dtype=torch.float64)
        return float(fitted.log_marginal_likelihood(precision)), float(fitted.log_likelihood)

    return at


@contextmanager
def _doubles() -> Iterator[None]:
    """float64 where no precision is named: laplace-torch makes an identity matrix of the default precision."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _best(evidence: Callable[[float], tuple[float, float]]) -> float:
    """The tau of the largest evidence."""
    bounds = math.log(WIDEST), math.log(NARROWEST)
    found = minimize_scalar(lambda log_tau: -evidence(math.exp(log_tau))[0], bounds=bounds, method="bounded")
    return math.exp(found.x)
