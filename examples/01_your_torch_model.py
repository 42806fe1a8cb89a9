"""Audit a torch module: give a function that makes a fresh one; our loop trains every member."""

import sys

from sklearn.datasets import load_digits
from torch import nn

import byheart as bh


def make_model() -> nn.Module:
    """A fresh model; every member starts anew."""
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def main(members: int = 24) -> bh.Audit:
    """Audit 600 digits and print what was found."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    audit = bh.audit((x[:600], y[:600]), test=(x[600:900], y[600:900]), model=make_model, members=members)
    print(audit)
    for example in audit.memorised(3):
        print(
            f"  digit {example.id}, labelled {example.label}: {example.score:.2f} \u00b1 "
            f"{1.96 * example.standard_error:.2f}"
        )
    return audit


if __name__ == "__main__":
    main(*map(int, sys.argv[1:])).save("report.html")
