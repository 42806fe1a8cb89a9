"""Audit your own training: fit(x, y, seed) -> anything that is called on x, here a regression."""

import sys

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.kernel_ridge import KernelRidge

import byheart as bh


def fit(x: np.ndarray, y: np.ndarray, seed: int) -> KernelRidge:
    """Your training, whatever it is; the seed is there for what is random in it."""
    return KernelRidge(kernel="rbf", gamma=20.0, alpha=0.01).fit(x, y)


def main(members: int = 24) -> bh.Audit:
    """Which part of the variance of the targets does a narrow kernel hold by heart?"""
    x, y = load_diabetes(return_X_y=True)
    audit = bh.audit((x, y), fit=fit, members=members)
    print(audit)
    by_heart = audit.findings["complexity/description-length"].quantities["memorised_share_of_variance"]
    print(f"  by heart {100 * by_heart.value:.0f} % of the variance, where chance gives {100 * by_heart.null:.0f} %")
    return audit


if __name__ == "__main__":
    main(*map(int, sys.argv[1:])).save("report.html")
