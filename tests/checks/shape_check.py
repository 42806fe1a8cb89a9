"""The check that jaxtyping's pytest hook puts on the functions of the mathematics (pyproject, `addopts`)."""

import inspect
import random
import re
import typing

import beartype
import jaxtyping
from beartype._check.code import codemain

# of a list one entry is looked at, drawn at random: not from the stream that the tests watch, and from one stream alone,
# for pytest imports this module twice
codemain.drawn_apart = getattr(codemain, "drawn_apart", None) or random.Random(0).getrandbits
codemain.getrandbits = codemain.drawn_apart

# a float may be given as an int, as everywhere in Python
_checked = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))
# pytest imports this module twice: by name for the hook, and as one that may hold examples
_jaxtyped = getattr(jaxtyping.jaxtyped, "theirs", jaxtyping.jaxtyped)


def checked(function):
    """Arguments and results are held against their annotations once the call has returned, so that a refusal comes first.

    jaxtyping makes two functions of each signature: one that is called before, whose result is annotated Any, and one
    that is called after with the arguments and the result. What a function refuses by name never reaches the second.
    """
    before = function.__annotations__.get("return") is typing.Any
    return function if before else _checked(function)


def jaxtyped(*, typechecker):
    """jaxtyping's decorator, for functions that state a shape: a wrapper on each of the others costs a third of the tests."""

    def decorated(one):
        stated = inspect.isfunction(one) and re.search(r"\b(Bool|Float|Given|Int|Shaped)\[", str(one.__annotations__))
        return _jaxtyped(one, typechecker=typechecker) if stated else one

    return decorated


jaxtyped.theirs = _jaxtyped
jaxtyping.jaxtyped = jaxtyped
