"""The check of shapes: on in every run of the tests, it fails disagreeing axes and leaves refusals to the functions."""

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import pytest
import shape_check
from jaxtyping import Float

import byheart.maths
from byheart.errors import InputRefused
from byheart.maths.shapes import Given
from byheart.maths.statistics.ranks import spearman
from byheart.maths.statistics.seen_unseen import side_means

ROOT = Path(byheart.maths.__file__).parent
NAMES = sorted(
    ".".join(("byheart", "maths", *path.relative_to(ROOT).with_suffix("").parts))
    for path in ROOT.rglob("*.py")
    if path.stem not in ("__init__", "shapes")
)


def checked(function):
    return shape_check.jaxtyped(typechecker=shape_check.checked)(function)


@checked
def of_each_member(outcome: Given[Any, "m n"], mask: Given[Any, "m n"]) -> Float[np.ndarray, " m"]:
    if np.shape(mask) != np.shape(outcome):
        raise InputRefused(expected="one shape", came="two", do="Check the axes.")
    return np.mean(outcome, 0 if len(outcome) == 3 else 1)


def test_a_result_whose_axes_disagree_fails():
    ones = np.ones((2, 5))
    assert of_each_member(ones, ones).shape == (2,)
    with pytest.raises(jaxtyping.TypeCheckError, match="return value"):
        of_each_member(np.ones((3, 5)), np.ones((3, 5)))


@checked
def lenient(a: Given[Any, " n"], b: Given[Any, " n"]) -> float:
    return 0.0


def test_arguments_that_disagree_and_are_not_refused_fail():
    assert lenient(np.ones(2), [1, 2]) == 0.0
    with pytest.raises(jaxtyping.TypeCheckError):
        lenient(np.ones(2), np.ones(3))


def test_what_a_function_refuses_by_name_stays_its_refusal():
    with pytest.raises(InputRefused, match="one shape"):
        of_each_member(np.ones((2, 5)), np.ones((2, 4)))
    with pytest.raises(InputRefused, match="b of shape"):
        spearman(np.ones(3), np.ones(4))


def test_the_mathematics_runs_under_the_check():
    mask = np.eye(3, dtype=bool)
    with pytest.raises(jaxtyping.TypeCheckError, match="sides"):
        side_means(np.ones((3, 3)), mask.tolist())


@pytest.mark.parametrize("name", NAMES)
def test_the_shapes_of_every_public_function_are_real_and_checked(name):
    module = importlib.import_module(name)
    for one in vars(module).values():
        if inspect.isfunction(one) and one.__module__ == name and not one.__name__.startswith("_"):
            shapes = [hint for hint in one.__annotations__.values() if re.search(r"\b(Bool|Float|Given|Int|Shaped)\[", hint)]
            assert not shapes or one.__wrapped__, one.__name__
            for shape in shapes:
                eval(shape, vars(module))
