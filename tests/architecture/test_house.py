"""The house: floors, file lengths, public surface, docstrings, no drawers, the README's commands."""

import ast
import graphlib
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import byheart
from byheart import registry

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "byheart"
MODULES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def test_no_file_is_longer_than_400_lines():
    long = {str(p.relative_to(ROOT)): n for p in MODULES if (n := len(p.read_text().splitlines())) > 400}
    assert long == {}


def test_the_tests_install_what_they_integrate_with():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {one for name, needed in extras.items() if name != "test" for one in needed} <= set(extras["test"])


def test_base_classes_stay_small():
    long = {str(p): n for p in SOURCE.rglob("base.py") if (n := len(p.read_text().splitlines())) > 160}
    assert long == {}


def test_there_are_no_drawers():
    names = {part for p in MODULES for part in (p.stem, *p.relative_to(SOURCE).parts[:-1])}
    assert not names & {"utils", "util", "core", "common", "misc", "helpers", "helper"}


def test_no_assert_outside_tests_and_suites():
    found = [
        f"{p.relative_to(SOURCE)}:{node.lineno}"
        for p in MODULES
        if "testing" not in p.parts
        for node in ast.walk(ast.parse(p.read_text()))
        if isinstance(node, ast.Assert)
    ]
    assert found == []


def test_no_pickle_is_read_and_no_global_seed_is_set():
    forbidden = re.compile(r"pickle\.loads?\(|allow_pickle=True|torch\.load\(|joblib|yaml\.|np\.random\.seed\(")
    found = [
        (str(p.relative_to(SOURCE)), said)
        for p in MODULES
        if not {"testing", "engines"} & set(p.parts)
        for said in forbidden.findall(p.read_text())
    ]
    assert found == [("learners/checkpoint_file.py", "torch.load(")]  # the one door, with weights_only=True: tests/faults


def test_public_names_exist_and_are_documented():
    for name in byheart.__all__:
        assert getattr(byheart, name).__doc__, name
    assert set(byheart.__all__) == set(byheart._PUBLIC)


def test_an_unknown_public_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'audits'"):
        _ = byheart.audits


@pytest.mark.parametrize("kind", sorted(registry.BUILT_IN))
def test_every_listed_name_is_the_class_that_says_so(kind):
    for name in registry.BUILT_IN[kind]:
        found = registry.find(kind, name)
        assert (found.kind, found.name) == (kind, name)


def test_questions_are_listed_as_the_probes_ask_them():
    """A question stands in the docstring of its probe; the list, which imports nothing, is held to it."""
    for name, (_, line) in registry.BUILT_IN["probe"].items():
        probe = registry.find("probe", name)
        assert line.removesuffix(" (on request)") == probe.question == probe.__doc__.partition("\n")[0].strip()
        assert line.endswith(" (on request)") is (probe.cost == "on request")
        assert len(probe.reference) > 20


def _public_functions(path):
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node


CONTRACT = ("Args:", "Returns:", "Raises:", "Cost:", "Fails when:", "Reference", ">>>")
PLAIN = 6  # statements: so much arithmetic can be read off faster than a contract


def _defined_in(module, name):
    """The module of the mathematics that a package takes `name` from; the module itself where it takes it from none."""
    package = SOURCE / Path(*module.split(".")[1:]) / "__init__.py"
    if package.exists():
        for node in ast.parse(package.read_text()).body:
            if isinstance(node, ast.ImportFrom) and name in {one.asname or one.name for one in node.names}:
                return node.module
    return module


def _imported(paths):
    """(module, name) of what these files take from the mathematics, by `from ... import` or as an attribute of a module."""
    found = set()
    for path in paths:
        tree, modules = ast.parse(path.read_text()), {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("byheart.maths"):
                found |= {(_defined_in(node.module, one.name), one.name) for one in node.names}
                modules |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                found.add((modules[node.value.id], node.attr))
    return found


def _lacking(node, folder, elsewhere, outside):
    """What a public function of the mathematics should say and does not.

    1. A function that another file imports says the question that it answers, as its first line.
    2. If it refuses something itself, it says what (Raises).
    3. If it is imported from outside the mathematics, and is more than plain arithmetic, it says all of the contract.
       What records a training (`recording`) and what refuses inputs (`inputs`) measure nothing and have no source.
    4. A contract that is begun is said to the end.
    """
    text = ast.get_docstring(node) or ""
    flat = " ".join(text.split())
    inside = list(ast.walk(node))
    measures = folder not in ("recording", "maths")
    long = sum(isinstance(one, ast.stmt) for one in inside) - 2 > PLAIN  # itself and its docstring
    lacking = []
    if elsewhere and not text.split("\n")[0].endswith("?"):
        lacking.append("a question as the first line")
    if elsewhere and any(isinstance(one, ast.Raise) for one in inside) and "Raises:" not in flat:
        lacking.append("Raises:")
    begun = any(part in flat for part in ("Args:", "Returns:", "Cost:", "Fails when:", "Reference"))
    if measures and ((outside and long) or begun):
        lacking += [part for part in CONTRACT if part not in flat]
    return lacking


def test_public_functions_of_the_mathematics_keep_the_contract_of_docstrings():
    own = sorted((SOURCE / "maths").rglob("*.py"))
    callers = [*MODULES, *TESTS, *(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "examples").rglob("*.py")]
    outside = _imported(path for path in callers if path not in own)
    elsewhere = outside | _imported(own)
    found = {}
    for path in own:
        module = ".".join(("byheart", *path.relative_to(SOURCE).with_suffix("").parts))
        for node in _public_functions(path):
            if isinstance(node, ast.FunctionDef):
                key = (module, node.name)
                if lacking := _lacking(node, path.parent.name, key in elsewhere, key in outside):
                    found[f"{module}.{node.name}"] = lacking
    assert found == {}
    assert len(outside) > 100  # the imports were read


@pytest.mark.parametrize(
    "source, lacking",
    [
        ('def f(x):\n    """The mean of x."""\n    return x', ["a question as the first line"]),
        ('def f(x):\n    """What is x?"""\n    return x', []),
        ('def f(x):\n    """What is x?"""\n    raise ValueError', ["Raises:"]),
        ('def f(x):\n    """What is x?"""\n' + "    x = x + 1\n" * 7, list(CONTRACT)),
        ('def f(x):\n    """What is x?\n\n    Args:\n        x: a number.\n    """\n    return x', list(CONTRACT[1:])),
    ],
)
def test_a_function_that_breaks_the_contract_of_docstrings_is_found(source, lacking):
    assert _lacking(ast.parse(source).body[0], "statistics", True, True) == lacking


def test_every_module_of_the_mathematics_stands_in_its_table_once_and_says_rightly_whether_it_needs_torch():
    before, after = ast.get_docstring(ast.parse((SOURCE / "maths" / "__init__.py").read_text())).split("import no torch")
    tables = [re.findall(r"`(\w+)`", "".join(re.findall(r"^\|[^|]*\|(.*?)\|", text, re.M))) for text in (before, after)]
    modules = {path.stem: path.read_text() for path in (SOURCE / "maths").rglob("*.py") if path.stem != "__init__"}
    assert sorted(tables[0] + tables[1]) == sorted(modules)
    needs = {name for name, text in modules.items() if re.search(r"^(import|from) torch", text, re.M)}
    assert not needs & set(tables[0])


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN["probe"]))
def test_every_probe_says_question_poles_cost_failure_source_and_example(name):
    probe = registry.find("probe", name)
    poles = ("Memoryless", "Window") if name.startswith("dynamics/") else ("Rote", "Oracle")
    for part in ("?", *poles, "Cost:", "Fails when:", "Reference:", ">>>"):
        assert part in " ".join(probe.__doc__.split()), part
    assert probe.question.endswith("?")
    assert probe.reference


def test_readme_and_ci_run_the_same_test_command():
    command = 'python3 -m venv .venv && .venv/bin/pip install ".[test]" && .venv/bin/python -m pytest'
    assert command in (ROOT / "README.md").read_text()
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()


def test_readme_has_the_first_command():
    command = "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/byheart audit"
    assert command in (ROOT / "README.md").read_text().splitlines()


def test_readme_names_every_probe():
    text = (ROOT / "README.md").read_text()
    assert not [name for name in registry.BUILT_IN["probe"] if f"| `{name}`" not in text]


def test_relative_links_of_the_pages_exist():
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), (page.name, target)


def test_torch_is_asked_for_as_a_range_and_nothing_is_pinned():
    text = (ROOT / "pyproject.toml").read_text()
    assert '"torch>=2.10"' in text
    assert "==" not in text


HEAVY = {"torch", "numpy", "scipy", "pydantic", "sklearn", "altair", "pandas", "jaxtyping", "beartype"}


@pytest.mark.parametrize("words", [[], ["--help"], ["list"], ["list", "claim"], ["--version"], ["study"], ["--show-completion", "zsh"]])
def test_the_command_line_starts_without_heavy_packages(words):
    code = (
        f"import sys; sys.argv = ['byheart', *{words!r}]\n"
        "from byheart.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0, end.code\n"
        f"print('HEAVY', sorted(set(sys.modules) & {HEAVY!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_help_of_a_command_imports_no_torch():
    code = (
        "import sys; sys.argv = ['byheart', 'audit', '--help']\n"
        "from byheart.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "assert not set(sys.modules) & {'torch', 'numpy', 'scipy', 'sklearn'}"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_importing_byheart_imports_nothing_heavy():
    code = f"import sys, byheart; assert not set(sys.modules) & {HEAVY!r}"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_who_plans_an_audit_imports_no_torch_for_its_probes():
    code = (
        "import sys\nfrom byheart.study.parse import every_probe\nevery_probe()\n"
        "assert not set(sys.modules) & {'torch', 'sklearn', 'curvlinops'}"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_import_contracts_hold():
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"], cwd=ROOT, capture_output=True, text=True,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert "0 broken" in done.stdout, done.stdout[-2000:]


def test_every_module_imports():
    for path in MODULES:
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        importlib.import_module(name)


def _complements(source):
    """Lines where a mask of what was seen is turned over: what is in a gap would count as unseen."""
    named = {"mask", "seen", "saw"}
    found = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert)):
            continue
        of = node.operand
        while isinstance(of, ast.Subscript):
            of = of.value
        name = of.id if isinstance(of, ast.Name) else of.attr if isinstance(of, ast.Attribute) else ""
        if name in named:
            found.append(node.lineno)
    return sorted(found)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_unseen_is_never_what_is_not_seen(path):
    assert not _complements(path.read_text())


def test_a_turned_mask_is_found():
    assert _complements("x = (~run.members.mask).sum(1)\ny = ~seen[0]\nz = ~np.isnan(seen)") == [1, 2]


def _imports(sources):
    """File -> the files of ours that it imports, at its top, late, or for types alone."""
    found = {}
    for name, text in sources.items():
        named = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module:
                named |= {f"{node.module}.{one.name}" for one in node.names} | {node.module}
            elif isinstance(node, ast.Import):
                named |= {one.name for one in node.names}
        exact = {one for one in named if one in sources}
        # `from a.b import c` imports the file a.b.c where there is one, else a.b
        found[name] = {one for one in exact if not any(other.startswith(f"{one}.") for other in exact)} - {name}
    return found


def test_there_is_no_circle_of_files():
    names = {path: ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__") for path in MODULES}
    sources = {name: path.read_text() for path, name in names.items() if path.name != "__init__.py" or len(path.read_text()) > 400}
    tuple(graphlib.TopologicalSorter(_imports(sources)).static_order())  # raises CycleError, and says which


def test_a_circle_of_files_is_found():
    sources = {"p.a": "from p.b import x", "p.b": "def f():\n    from p import a", "p.c": "import p.a"}
    with pytest.raises(graphlib.CycleError):
        tuple(graphlib.TopologicalSorter(_imports(sources)).static_order())
