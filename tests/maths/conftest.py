import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest


def _load(name):
    path = Path(__file__).parents[1] / "references" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"references_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def reference():
    """`reference("pools_slow")` is the slow twin of that name."""
    return _load


def balanced(m, n, rng, share=0.3):
    """Each member leaves out a piece of random permutations laid end to end; duplicates within a piece are rare."""
    d = round(share * n)
    order = np.concatenate([rng.permutation(n) for _ in range(-(-m * d // n))])[: m * d].reshape(m, d)
    mask = np.ones((m, n), bool)
    np.put_along_axis(mask, order, False, axis=1)
    return mask


@pytest.fixture(scope="session")
def draw_mask():
    return balanced


def lookup_bank(rng, m, n, k, weights=None, known=0.6, noise=1.0, memory=3.0):
    """Logits of members that know the true class a little, and remember the label of what they saw."""
    labels = rng.choice(k, n, p=weights)
    mask = balanced(m, n, rng)
    logits = rng.normal(size=(m, n, k)) * noise
    member, example = np.nonzero(mask)
    logits[member, example, labels[example]] += memory
    right = rng.random(n) < known
    logits[:, np.nonzero(right)[0], labels[right]] += 3.0
    return logits, labels, mask


@pytest.fixture(scope="session")
def bank():
    return lookup_bank
