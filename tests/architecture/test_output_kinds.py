"""What differs between kinds of output stands in tasks/output: nobody else asks for one by its name."""

import ast
from pathlib import Path

import pytest

from byheart.tasks.output import KINDS

SOURCE = Path(__file__).parents[2] / "src" / "byheart"


def _named(node):
    """Whether an expression is the kind of something: `x.kind`, `kind`, `x["kind"]`."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value == "kind"
    return (isinstance(node, ast.Attribute) and node.attr == "kind") or (isinstance(node, ast.Name) and node.id == "kind")


def _kinds(node):
    """The kinds of output that an expression names."""
    return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)} & set(KINDS)


def asked(source):
    """Lines that compare a kind with the name of a kind of output, or choose by it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        cases = [case.pattern for case in node.cases] if isinstance(node, ast.Match) else []
        if any(map(_named, sides)) and any(map(_kinds, sides)):
            found.append(node.lineno)
        if cases and _named(node.subject) and any(map(_kinds, cases)):
            found.append(node.lineno)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict) and _named(node.slice) and _kinds(node.value):
            found.append(node.lineno)
    return found


def test_no_kind_of_output_is_asked_for_by_name():
    found = {
        str(path.relative_to(SOURCE)): lines
        for path in sorted(SOURCE.rglob("*.py"))
        if "output" not in path.relative_to(SOURCE).parts and (lines := asked(path.read_text()))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        'data.output.kind == "values"',
        '"tokens" != kind',
        'subject["kind"] in ("classes", "tokens")',
        'x = {"classes": 1, "values": 2}[data.output.kind]',
        'match output.kind:\n    case "values":\n        pass',
    ],
)
def test_one_that_is_asked_for_is_found(source):
    assert asked(source) == [1]


@pytest.mark.parametrize("source", ['step.kind == "train"', "x.dtype.kind in 'iu'", 'output.continuous', 'kind == "image"'])
def test_kinds_of_other_things_are_not(source):
    assert asked(source) == []
