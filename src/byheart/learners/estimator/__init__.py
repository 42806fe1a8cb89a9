"""Estimator: any scikit-learn classifier, regressor or pipeline as a learner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from byheart.errors import InputRefused
from byheart.fingerprint.code import comes_back
from byheart.learners.base import Learner
from byheart.learners.estimator.missing import takes_missing
from byheart.learners.estimator.serialization import (
    PLACE,
    Unwritable,
    build,
    files_of,
    name_of,
    placeless,
    placeless_params,
    written_params,
)
from byheart.learners.userfit import FILLED, as_given, each, filled, has_missing
from byheart.seeds import derive
from byheart.tasks.data import Data, Examples
from byheart.tasks.frames.kept import KeptFrame
from byheart.training.keep import FreeOrbits
from byheart.training.members import Members
from byheart.training.preprocessing import checked
from byheart.training.run import Run
from byheart.training.training import Training

FAMILIES = {
    "neighbors": "neighbours", "linear_model": "linear", "discriminant_analysis": "linear", "LinearSV": "linear",
    "sklearn.tree": "trees", "sklearn.ensemble": "trees", "xgboost": "trees", "lightgbm": "trees", "catboost": "trees",
}  # fmt: skip


class Estimator(Learner):
    """What does this scikit-learn estimator learn?

    Every member is a clone, fitted on its subset with `random_state` from its seed (in every step of a
    pipeline) and one thread. x goes in as it was given (dtype, order in memory, names of a table file's columns),
    unscaled; examples of more than one axis are flattened to (n, d), which scikit-learn asks for. An estimator that
    takes missing cells, known by fitting it to a few rows with some, gets them; for others they are filled with the
    median of the member's own rows where the task was asked to (`missing="impute"`), else refused. Outputs:
    `predict_proba`, else `decision_function`, else `predict`.

    `Estimator.of(instance)`, or by name: `Estimator(cls="RandomForestClassifier", params={...})`. The key
    holds class, parameters that differ from the defaults (nested estimators too) and the versions of the
    packages they come from; an estimator with parameters that cannot be written down is not kept.

    Args:
        cls: the class: scikit-learn's name, `package.module:Class`, or `file.py:Class`.
        params: parameters.
        releases: package -> version, or file -> digest, of all classes within; filled in.
        files: file -> digest of it and of those that it imports, compared before they are run; filled in.

    Raises:
        UnknownName: no such estimator or parameter; the nearest is named.
        InputRefused: a classifier for values, a regressor for classes, missing cells that it does not take, or other
            versions than in the key.

    Cost: m times a fit.

    Fails when: a parameter is a splitter or generator with a state of its own (it is then not kept).

    Example:
        >>> Estimator(cls="DecisionTreeClassifier", params={"max_depth": 3}).params
        {'max_depth': 3}
    """

    name: ClassVar[str] = "estimator"
    version: ClassVar[int] = 3
    prepares: ClassVar[bool] = False
    members_a_step: ClassVar[int] = 4
    keeps: ClassVar[tuple[str, ...]] = (FreeOrbits.name,)
    cls: str
    params: dict[str, Any] = Field(default_factory=dict)
    releases: dict[str, str] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)
    _template: Any = PrivateAttr(default=None)
    _reason: str = PrivateAttr(default="")
    _settled_params: Any = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _settled(cls, given: Any) -> Any:
        """One spelling for one estimator: default parameters left out, versions filled in."""
        if not isinstance(given, Mapping) or not isinstance(given.get("cls"), str):
            return given
        if given.get("releases") == {}:  # of an instance that cannot be written down
            return given
        made = build(given["cls"], given.get("params") or {}, given.get("files") or {})
        releases: dict[str, str] = {}
        params = written_params(made, releases)
        asked = given.get("releases") or releases
        if asked != releases:
            raise InputRefused(f"the versions of the key: {asked}", str(releases), "Run the audit again.")
        settled = {"cls": name_of(type(made), {}), "params": params, "releases": releases}
        return {**given, **settled, "files": files_of(releases)}

    @classmethod
    def of(cls, instance: Any) -> Self:
        """The learner of an estimator instance; it is cloned, never fitted itself.

        Raises:
            InputRefused: not an estimator.
        """
        if isinstance(instance, type) or not hasattr(instance, "get_params"):
            came = f"the class {instance.__name__}" if isinstance(instance, type) else type(instance).__name__
            raise InputRefused(
                "a scikit-learn estimator, such as LogisticRegression()", came, "Make an instance of it."
            )
        try:
            releases: dict[str, str] = {}
            name = name_of(type(instance), releases)
            params = written_params(instance, releases)
            # not made again from its names: a class of the user's may not come back from its file as it is now
            learner = cls(cls=name, releases={}).model_copy(
                update={"params": params, "releases": releases, "files": files_of(releases)}
            )
        except RuntimeError as error:  # of scikit-learn, which cannot clone it either
            raise InputRefused(
                expected="an estimator that scikit-learn can clone", came=str(error),
                do="Name every parameter in its __init__.",
            ) from None  # fmt: skip
        except Unwritable as missing:
            learner = cls(cls=type(instance).__qualname__, releases={})
            learner._reason = str(missing)
        learner._template, learner._settled_params = instance, learner.params
        return learner

    def __hash__(self) -> int:
        return hash(self.key())

    def __eq__(self, other: object) -> bool:
        """Of equal key; those without one are equal if they hold the same instance."""
        if not isinstance(other, Estimator):
            return NotImplemented
        return self.key() == other.key() and (self.keyed or self._template is other._template)

    def key_fields(self) -> dict[str, Any]:
        """Fields without the files that classes of the user's lie in: digests of their code are in `releases`."""
        releases = {placeless(name): release for name, release in self.releases.items()}
        return {"cls": placeless(self.cls), "params": placeless_params(self.params), "releases": releases}

    @property
    def keyed(self) -> bool:
        """Whether class and parameters could be written down."""
        return bool(self.releases)

    @property
    def portable(self) -> bool:
        """Whether a worker can make it from its fields; asking may cost a process for a class of the user's."""
        files = [(*name.rsplit(":", 1), digest) for name, digest in self.releases.items() if PLACE.search(name)]
        return self.keyed and all(comes_back(path, qualname, digest) for path, qualname, digest in files)

    @property
    def unkeyed_reason(self) -> str:
        """Which parameter could not be written down."""
        return "" if self.keyed else self._reason or "it holds what cannot be written down"

    def template(self) -> Any:
        """An instance with its parameters, to be cloned: the one that was given, or made from what is written."""
        given = self._template is not None and self.params == self._settled_params
        return self._template if given else build(self.cls, self.params, self.files)

    def with_params(self, params: Mapping[str, Any]) -> Self:
        """The learner of the same estimator with other parameters, of those within it by their path (`svc__C`).

        Example:
            >>> Estimator(cls="DecisionTreeClassifier").with_params({"max_depth": 2}).params
            {'max_depth': 2}
        """
        from sklearn.base import clone

        made = type(self).of(clone(self.template()).set_params(**params))
        if not made.keyed:  # what could be written down tells it from the recipe in this run's ledger
            told = {**(self.params if not self.keyed else {}), **params}
            made = made.model_copy(update={"params": told})
            made._settled_params = told
        return made

    @property
    def family(self) -> str:
        """By the package of the last step of a pipeline, or of the estimator that a search or ensemble repeats."""
        model = self.template()
        while (inner := getattr(model, "estimator", None)) is not None or hasattr(model, "steps"):
            model = model.steps[-1][1] if inner is None else inner
        words = f"{type(model).__module__}.{type(model).__name__}"
        return next((family for part, family in FAMILIES.items() if part in words), "")

    def title(self, data: Data) -> str:
        """The class's name."""
        return self.cls.rpartition(":")[2]

    def fit(self, data: Data, members: Members, training: Training) -> Run:
        """Fit a clone for every member."""
        from sklearn.base import clone

        data = checked(data, members, training.levers, self.name)
        template = self.template()
        _must_suit(template, data)
        fill = has_missing(data) and not takes_missing(template, data, _given)
        if fill and data.output.missing != "impute":
            raise InputRefused(
                expected=f"x without missing cells for {type(template).__name__}, which does not take them",
                came=f"{int(np.isnan(data.train.x).sum())} NaN in training",
                do="Fill them in, or use missing='impute' (--missing impute).",
            )
        raw = {view: _given(examples) for view, examples in data.views.items()}

        def train(rows: np.ndarray, seed: int) -> tuple[Any, dict[str, Any]]:
            own = filled(data, rows) if fill else data.views
            views = {view: _given(examples) for view, examples in own.items()} if fill else raw
            model = clone(template)
            model.set_params(**_own_params(model, seed))
            return model.fit(_given(own["train"], rows), data.train.given("y", rows)), views

        run = each(data, members, training.trail, train, "auto", None, training.keep)
        if run.failed and len(run.failed) == len(members.seeds):
            _advise(template, data, run.failed[0][1])
        flat = ", flattened to (n, d)" if data.train.x.ndim > 2 else ""
        return replace(run, about={**run.about, "inputs": f"{as_given(data)}{flat}{FILLED if fill else ''}"})


def _given(examples: Examples, rows: np.ndarray | None = None) -> Any:
    """x as the user keeps it, of `rows` or all; (n, d) where an example has more axes."""
    x = examples.given("x", rows)
    if isinstance(x, dict):
        raise InputRefused(
            expected="one array x for a scikit-learn estimator",
            came=f"a dictionary of {', '.join(x)}",
            do="Give fit= or model=, which get the dictionary, or put the parts side by side.",
        )
    if examples.x.ndim <= 2:
        return x
    return (np.asarray(x) if isinstance(x, list) else x).reshape(len(x), -1)


def _advise(template: Any, data: Data, why: str) -> None:
    """What to do where every member failed on a frame whose columns of words came as they are.

    Raises:
        InputRefused: in that case.
    """
    kept = data.train.containers.get("x")
    words = kept.of_words() if isinstance(kept, KeptFrame) else []
    if words:
        raise InputRefused(
            expected=f"{type(template).__name__} to take the frame as it is", came=why,
            do=f"If it takes no words ({', '.join(words[:3])}), put a ColumnTransformer with OneHotEncoder before it.",
        )  # fmt: skip


def _must_suit(template: Any, data: Data) -> None:
    """A classifier for classes, a regressor for values; else refused by name."""
    from sklearn.base import is_classifier, is_regressor

    classes = data.output.labelled
    if is_classifier(template) if classes else is_regressor(template):
        return
    kind = "classifier" if is_classifier(template) else "regressor" if is_regressor(template) else "neither"
    raise InputRefused(
        expected=f"a {'classifier' if classes else 'regressor'}: {data.output.target} has {data.output.kind}",
        came=f"{type(template).__name__}, a {kind}".replace("a neither", "which is neither"),
        do=f"Try {'LogisticRegression' if classes else 'Ridge'}, or read the target as "
        f"{'values' if classes else 'classes'} with task={'values' if classes else 'classes'!r}.",
    )


def _own_params(model: Any, seed: int) -> dict[str, Any]:
    """`random_state` and `n_jobs` wherever the estimator, or one within it, has them."""
    own: dict[str, Any] = {}
    params = model.get_params(deep=True)
    for name, value in params.items():
        within, _, last = name.rpartition("__")
        of = type(params[within] if within else model).__module__
        if last == "random_state":
            own[name] = derive(seed, name) % 2**31
        elif last == "n_jobs" and (value is not None or not of.startswith("sklearn.")):
            # None is 1 for scikit-learn, where some warn when it is said; for others it is every core
            own[name] = 1
    return own
