"""Baselines: cheap recipes of three families, to hold the audited one against."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from byheart.learners.base import Learner
from byheart.learners.neighbours import Neighbours
from byheart.learners.userfit import each
from byheart.tasks.data import Data
from byheart.training.members import Members
from byheart.training.preprocessing import checked, prepare
from byheart.training.run import Run
from byheart.training.training import Training


class TenNeighbours(Neighbours):
    """What do the ten nearest training examples say?

    `Neighbours` with k = 10: where one neighbour is right or wrong, ten give a probability, and a code that is shorter.

    Example:
        >>> TenNeighbours().k
        10
    """

    name: ClassVar[str] = "ten-neighbours"
    k: Annotated[int, Field(ge=1)] = 10


class _Classifier(Learner):
    """A scikit-learn classifier on columns that are filled in, scaled and one-hot coded on the member's own rows."""

    reads: ClassVar[tuple[str, ...]] = ("classes",)

    @abstractmethod
    def _model(self, seed: int) -> Any:
        """A fresh classifier."""

    def fit(self, data: Data, members: Members, training: Training) -> Run:
        """Fit a classifier for every member."""
        data = checked(data, members, training.levers, self.name, self.reads)

        def train(rows: np.ndarray, seed: int) -> tuple[Any, dict[str, np.ndarray]]:
            views = {view: x.reshape(len(x), -1) for view, x in prepare(data, rows).items()}
            return self._model(seed).fit(views["train"][rows], data.train.y[rows]), views

        return each(data, members, training.trail, train, "auto", None)


class Linear(_Classifier):
    """What does the best linear map to the log odds say?

    Logistic regression: minimises the summed -log softmax(W x + b)[y] + |W|^2 / 2 over the subset.

    Raises:
        InputRefused: views or masks that do not fit the data, or values in the place of classes.

    Cost: m times a fit; 16 members on 455 rows of 30 columns take 0.2 CPU s.

    Fails when: the subset holds a single class; that member is left out.

    Reference: Cox 1958, "The regression analysis of binary sequences"; scikit-learn's LogisticRegression.

    Example:
        >>> Linear().family
        'linear'
    """

    name: ClassVar[str] = "linear"
    family: ClassVar[str] = "linear"

    def _model(self, seed: int) -> Any:
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=300)


class BoostedTrees(_Classifier):
    """What do boosted shallow trees say?

    15 rounds of trees of at most 8 leaves with at least 5 examples each, steps of 0.3, columns in 255 bins: as short a
    held-out code as 40 rounds of 31 leaves on the tables tried, in a third of the time.

    Raises:
        InputRefused: views or masks that do not fit the data, or values in the place of classes.

    Cost: m times a fit of 15 k trees (15 for two classes); 16 members on 455 rows of 30 columns take 0.7 CPU s.

    Fails when: columns are many: images are not for it.

    Reference: Friedman 2001, "Greedy function approximation: a gradient boosting machine"; scikit-learn's
    HistGradientBoostingClassifier.

    Example:
        >>> BoostedTrees().family
        'trees'
    """

    name: ClassVar[str] = "boosted-trees"
    family: ClassVar[str] = "trees"

    def _model(self, seed: int) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(
            max_iter=15,
            learning_rate=0.3,
            max_leaf_nodes=8,
            min_samples_leaf=5,
            early_stopping=False,
            random_state=seed,
        )
