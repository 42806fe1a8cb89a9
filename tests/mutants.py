"""Which changes of one constant or sign in the mathematics does no test notice? Run by hand, not collected.

    python tests/mutants.py [--each 2] [--seconds 120] [FILE ...]

In each file of `maths/` up to `--each` mutants are chosen by a hash of their place: a number moved by a tenth and one, + for
- and back, a comparison turned round. For each the file's own tests (those under tests/maths that import it, else that name
it) and its examples run until the first failure, on a copy of the package. A mutant that nothing kills is printed as ALIVE.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
MATHS = ROOT / "src" / "byheart" / "maths"
SIGNS = {ast.Add: ast.Sub, ast.Sub: ast.Add}
TURNED = {ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}


def _places(tree: ast.Module) -> list[ast.AST]:
    """What can be mutated: in code, never in annotations, defaults of dtypes or text."""
    skipped = {id(part) for node in ast.walk(tree) for name in ("annotation", "returns", "slice")
               if (root := getattr(node, name, None)) is not None for part in ast.walk(root)}  # fmt: skip
    return [node for node in ast.walk(tree) if id(node) not in skipped and _kind(node)]


def _kind(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return "number"
    if isinstance(node, ast.BinOp) and type(node.op) in SIGNS:
        return "sign"
    return "comparison" if isinstance(node, ast.Compare) and type(node.ops[0]) in TURNED else ""


def mutants(source: str, name: str, each: int) -> list[tuple[str, str]]:
    """(what changed, the mutated source), the same ones at every run."""
    count = len(_places(ast.parse(source)))
    order = sorted(range(count), key=lambda place: hashlib.sha256(f"{name} {place}".encode()).hexdigest())
    made = []
    for place in order[:each]:
        tree = ast.parse(source)
        node = _places(tree)[place]
        before = ast.unparse(node)
        if isinstance(node, ast.Constant):
            node.value = node.value + 1 if isinstance(node.value, int) else node.value * 1.1 + 0.1
        elif isinstance(node, ast.BinOp):
            node.op = SIGNS[type(node.op)]()
        elif isinstance(node, ast.Compare):
            node.ops[0] = TURNED[type(node.ops[0])]()
        made.append((f"{node.lineno}: {before[:50]} -> {ast.unparse(node)[:50]}", ast.unparse(tree)))
    return made


def tests_of(name: str) -> list[str]:
    """Files of tests/maths that import the module; else those that import a module which does."""
    texts = {path: path.read_text() for path in sorted((ROOT / "tests" / "maths").glob("test_*.py"))}

    def importing(module: str) -> list[str]:
        return [str(path) for path, text in texts.items() if re.search(rf"\bmaths(\.| import ){module}\b", text)]

    dotted = name.replace("/", ".")
    users = [path.stem for path in MATHS.rglob("*.py") if f"maths.{dotted} import" in path.read_text()]
    folder = importing(dotted.rpartition(".")[0]) if "." in dotted else []  # tests that use what the folder gives on
    return importing(dotted) or folder or sorted({test for user in users for test in importing(user)})


def killed_by(name: str, mutated: str, seconds: float) -> str:
    """The first test that fails, or ALIVE."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "byheart"
        shutil.copytree(ROOT / "src" / "byheart", package, ignore=shutil.ignore_patterns("__pycache__"))
        target = package / "maths" / f"{name}.py"
        target.write_text(mutated)
        # the examples are in the docstrings, which ast.unparse keeps
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--doctest-modules",
                   "--import-mode=importlib", str(target), *tests_of(name)]  # fmt: skip
        environment = os.environ | {"PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
        try:
            run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            return "timeout"
    if run.returncode == 0:
        return "ALIVE"
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", run.stdout, re.M)
    return Path(found[1]).name if found else f"exit {run.returncode}"


def main() -> None:
    """Mutate, run, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*")
    parser.add_argument("--each", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=120)
    options = parser.parse_args()
    files = [Path(one).resolve() for one in options.files] or sorted(MATHS.rglob("[!_]*.py"))
    names = [path.relative_to(MATHS).with_suffix("").as_posix() for path in files]
    for name in names:
        for change, mutated in mutants((MATHS / f"{name}.py").read_text(), name, options.each):
            print(f"{name:<22}{change:<110}{killed_by(name, mutated, options.seconds)}", flush=True)


if __name__ == "__main__":
    main()
