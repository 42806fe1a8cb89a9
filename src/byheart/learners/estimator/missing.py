"""Missing: does an estimator take missing cells? It is fitted to a few rows that have some."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from byheart.fingerprint.sources import contained
from byheart.learners.userfit import filled
from byheart.tasks.data import Data, Examples

A_CLASS = 8  # examples of each class that it is tried on
VALUES = 40  # examples, where there are no classes


def takes_missing(template: Any, data: Data, given: Callable[[Examples], Any]) -> bool:
    """Does a clone of the estimator fit rows with missing cells, and predict them?

    It is tried on a few examples; where it fails on these with the cells filled in too, they were too few for it, and
    it is tried on all.

    Args:
        template: the estimator; it is not fitted itself.
        data: with missing cells among the training examples or in another view.
        given: the examples as the estimator is to get them.

    Cost: a fit to a few examples, at most one to all.
    """
    if data.train.x.dtype.kind != "f":  # whole numbers in training: nothing could be learned of missing ones
        return False
    train = _with_missing(data)
    few = train.take(_few(train, data.output.labelled))
    if _fits(template, few, given):
        return True
    everything = np.arange(len(few))
    whole = filled(replace(data, views={"train": few}), everything)["train"]
    return not _fits(template, whole, given) and _fits(template, train, given)


def _with_missing(data: Data) -> Examples:
    """The training examples; where none of them misses a cell, the examples of another view that do."""
    if np.isnan(data.train.x).any():
        return data.train
    return next(examples for examples in data.views.values() if np.isnan(examples.x).any())


def _few(train: Examples, classes: bool) -> np.ndarray:
    """Rows with missing cells first, as many of each class."""
    whole = ~np.isnan(train.x).reshape(len(train), -1).any(1)
    order = np.argsort(whole, kind="stable")
    if not classes:
        return order[:VALUES]
    return np.concatenate([order[train.y[order] == label][:A_CLASS] for label in np.unique(train.y)])


def _fits(template: Any, examples: Examples, given: Callable[[Examples], Any]) -> bool:
    from sklearn.base import clone

    try:
        with contained(0), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            clone(template).fit(given(examples), examples.given("y")).predict(given(examples))
    except Exception:  # whatever an estimator raises
        return False
    return True
