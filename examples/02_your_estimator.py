"""Audit a scikit-learn estimator on a table, with 10 % of the labels redrawn as a control whose truth is known."""

import sys

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

import byheart as bh


def main(members: int = 24) -> bh.Audit:
    """Does a forest learn wrong labels by heart, and can we find them?"""
    x, y = load_breast_cancer(return_X_y=True)
    audit = bh.audit((x, y), model=RandomForestClassifier(n_estimators=30), members=members, flip=0.1)
    print(audit)
    for verdict in audit.verdicts:
        print(f"  {verdict.code} {verdict.outcome}: {verdict.title}")
    return audit


if __name__ == "__main__":
    main(*map(int, sys.argv[1:])).save("report.html")
