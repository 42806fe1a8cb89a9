"""Code: whatever changes what the user's code does changes its digest, or there is none."""

import functools
import importlib
import os
import random
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused
from byheart.fingerprint.code import contained, fingerprint, load, load_module
from byheart.fingerprint.sources import own_lines, reachable, version_of


class Folder:
    """A folder of the user's files, imported anew each time."""

    def __init__(self, path):
        self.path = path

    def write(self, **files):
        for name, text in files.items():
            file = self.path / f"{name}.py"
            file.parent.mkdir(exist_ok=True, parents=True)
            file.write_text(textwrap.dedent(text))
        return self

    def forget(self):
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "") or "").startswith(str(self.path)):
                del sys.modules[name]
        importlib.invalidate_caches()

    def fresh(self, qualname="fit", file="main"):
        self.forget()
        return load(self.path / f"{file}.py", qualname)

    def digest(self, qualname="fit", file="main"):
        code = fingerprint(self.fresh(qualname, file))
        assert code.digest, code.reason
        return code.digest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # files here change within one clock tick
    folder = Folder(tmp_path)
    yield folder
    folder.forget()


MAIN = """
import numpy as np
import other
STEPS = 3
TABLE = np.arange(4)
def helper(x):
    return x + STEPS
def fit(x, y, seed, rate=0.1):
    return helper(x) * rate + TABLE.sum() + other.scale()
"""
OTHER = "import third\ndef scale():\n    return third.NUMBER\n"


def test_the_same_files_give_the_same_digest(folder):
    folder.write(main=MAIN, other=OTHER, third="NUMBER = 1\n")
    assert folder.digest() == folder.digest()


def test_the_folder_does_not_matter(folder):
    """A worker, and a copy elsewhere, reads the same."""
    folder.write(main=MAIN, other=OTHER, third="NUMBER = 1\n")
    a = folder.digest()
    folder.forget()
    moved = folder.path / "deep" / "er"
    moved.mkdir(parents=True)
    for name in ("main", "other", "third"):
        (folder.path / f"{name}.py").rename(moved / f"{name}.py")
    assert Folder(moved).digest() == a


def test_another_process_reads_the_same(folder):
    folder.write(main=MAIN + "NAMES = {'a', 'b', 'c'}\ndef fit2(x): return x in NAMES\n", other=OTHER, third="NUMBER = 1\n")
    script = (
        "import sys; from byheart.fingerprint.code import *; "
        "print(fingerprint(load(sys.argv[1], 'fit')).digest, fingerprint(load(sys.argv[1], 'fit2')).digest)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "271", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder.path / "main.py")],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    assert done.stdout.split() == [folder.digest(), folder.digest("fit2")]


@pytest.mark.parametrize(
    "file, old, new",
    [
        ("main", "* rate", "/ rate"),
        ("main", "rate=0.1", "rate=0.2"),
        ("main", "STEPS = 3", "STEPS = 4"),
        ("main", "np.arange(4)", "np.arange(5)"),
        ("main", "x + STEPS", "x - STEPS"),
        ("other", "third.NUMBER", "2 * third.NUMBER"),
        ("third", "NUMBER = 1", "NUMBER = 2"),
    ],
)
def test_every_change_of_a_file_changes_it(folder, file, old, new):
    texts = {"main": MAIN, "other": OTHER, "third": "NUMBER = 1\n"}
    a = folder.write(**texts).digest()
    assert old in texts[file]
    b = folder.write(**texts | {file: texts[file].replace(old, new)}).digest()
    assert a != b


def test_files_that_are_not_imported_do_not_matter(folder):
    a = folder.write(main=MAIN, other=OTHER, third="NUMBER = 1\n").digest()
    assert folder.write(aside="X = 1\n").digest() == a


@pytest.mark.parametrize(
    "statement", ["import pkg.part", "from pkg import part", "from pkg.part import f", "import pkg.part as p"]
)
@pytest.mark.parametrize("where", ["top", "inside"])
def test_packages_and_late_imports_are_followed(folder, statement, where):
    indent = "    " if where == "inside" else ""
    first = f"{statement}\n" if where == "top" else ""
    folder.write(
        main=f"{first}def fit(x):\n    {statement if indent else 'pass'}\n    return 1\n",
        **{"pkg/__init__": "", "pkg/part": "from . import deep\ndef f(): return deep.N\n", "pkg/deep": "N = 1\n"},
    )
    a = folder.digest()
    folder.write(**{"pkg/deep": "N = 2\n"})
    assert folder.digest() != a


def test_code_inside_a_package(folder):
    main = "from .rest import N\ndef fit(x): return N\n"
    folder.write(**{"pkg/__init__": "", "pkg/main": main, "pkg/rest": "N = 1\n"})
    a = folder.digest(file="pkg/main")
    folder.write(**{"pkg/rest": "N = 1  # so\n"})
    assert folder.digest(file="pkg/main") != a


def test_an_edit_after_the_import_is_neither_the_old_nor_the_new(folder):
    """What runs is the old code, what stands there is the new."""
    folder.write(main="def fit(x):\n    return 1\n")
    stale, old = folder.fresh(), folder.digest()
    stale = folder.fresh()
    folder.write(main="def fit(x):\n    return 2\n")
    mixed = fingerprint(stale).digest
    assert len({old, mixed, folder.digest()}) == 3


def test_a_module_edited_after_the_import(folder):
    folder.write(main="import other\ndef fit(x):\n    return other.f()\n", other="def f(): return 1\n")
    stale, old = folder.fresh(), fingerprint(folder.fresh()).digest
    stale = folder.fresh()
    folder.write(other="def f(): return 2\n")
    mixed = fingerprint(stale).digest
    assert len({old, mixed, folder.digest()}) == 3


def closing_over(value):
    def fit(x):
        return x, value

    return fit


def square(x):
    return x * x


def cube(x):
    return x * x * x


ARRAY = np.arange(6.0)
LOOP = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    "a, b",
    [
        (1, 2),
        (1, 1.0),
        (1, True),
        ("a", b"a"),
        ([1, 2], [2, 1]),
        ([1, 2], (1, 2)),
        ({"a": 1}, {"a": 2}),
        ({1, 2}, {1, 3}),
        (ARRAY, ARRAY + 1e-12),
        (ARRAY, ARRAY.astype(np.float32)),
        (ARRAY, ARRAY.reshape(2, 3)),
        (np.array(["a"], object), np.array(["b"], object)),
        (torch.arange(3), torch.arange(3) + 1),
        (torch.ones(2).bfloat16(), torch.zeros(2).bfloat16()),
        (square, cube),
        (lambda x: x, lambda x: x + 1),
        (functools.partial(square, 1), functools.partial(square, 2)),
        (functools.lru_cache(square), functools.lru_cache(cube)),
        (closing_over(1), closing_over(2)),
        (nn.Linear(2, 2), nn.Linear(2, 2)),
        (nn.Dropout(0.1), nn.Dropout(0.2)),
        (np.sin, np.cos),
        (torch.relu, torch.sigmoid),
        (torch.float32, torch.float64),
        (nn.Linear, nn.Conv1d),
    ],
)
def test_values_it_closes_over(a, b):
    first, again, second = (fingerprint(closing_over(value)) for value in (a, a, b))
    assert first.digest, first.reason
    assert first.digest == again.digest
    assert first.digest != second.digest
    assert not first.portable


def test_a_list_that_holds_itself():
    assert fingerprint(closing_over(LOOP)).digest


@pytest.mark.parametrize(
    "value, why",
    [
        (np.random.default_rng(0), "Generator"),
        (iter([1]), "list_iterator"),
        (np.random.default_rng(0).normal, "Generator"),
        (np.array([iter([1])], object), "list_iterator"),
        ({square}, "a set"),
        (sys.stdout, "which cannot be read"),
    ],
)
def test_what_cannot_be_read_leaves_no_digest(value, why):
    code = fingerprint(closing_over(value))
    assert code.digest is None
    assert not code.portable
    assert why in code.reason
    assert "value" in code.reason


def test_a_function_without_source():
    space = {}
    exec("def fit(x): return x", space)
    code = fingerprint(space["fit"])
    assert (code.digest, "source of fit" in code.reason) == (None, True)


def test_decorators_hide_nothing(folder):
    """`torch.no_grad` wraps the function in one of its own."""
    text = "import torch\nSTEPS = 3\n@torch.no_grad()\ndef fit(x):\n    return STEPS\n"
    a = folder.write(main=text).digest()
    found = folder.fresh()
    found.__wrapped__.__globals__["STEPS"] = 4
    code = fingerprint(found)
    assert code.portable
    assert code.path == str(folder.path / "main.py")
    assert code.digest != a


CLASS = """
import dataclasses
import functools
class Base:
    def twice(self): return 2
@dataclasses.dataclass
class Model(Base):
    width: int = 3
    rate = 0.5
    @property
    def area(self): return self.width ** 2
    @staticmethod
    def free(): return 1
    @functools.cached_property
    def kept(self): return 7
    def __call__(self, x, y, seed): return self.twice()
"""


@pytest.mark.parametrize(
    "old, new", [("return 2", "return 3"), ("= 3", "= 4"), ("** 2", "** 3"), ("return 1", "return 0"), ("7", "8")]
)
def test_classes_and_their_instances(folder, old, new):
    folder.write(main=CLASS)
    one, whole = fingerprint(folder.fresh("Model")(width=5)), folder.digest("Model")
    assert one.digest
    assert not one.portable
    assert one.digest != fingerprint(folder.fresh("Model")(width=6)).digest
    folder.write(main=CLASS.replace(old, new))
    assert folder.digest("Model") != whole
    assert fingerprint(folder.fresh("Model")(width=5)).digest != one.digest


def test_class_attributes_set_later_count(folder):
    model = folder.write(main=CLASS).fresh("Model")
    a = fingerprint(model).digest
    model.rate = 0.25
    assert fingerprint(model).digest != a


def test_a_factory_enters_by_what_it_builds(untouched):
    def build(k):
        def make():
            return nn.Linear(k, 2)

        return make

    a, b = fingerprint(build(3), factory=True), fingerprint(build(3), factory=True)
    assert a.digest == b.digest
    assert a.digest != fingerprint(build(4), factory=True).digest
    assert a.digest != fingerprint(build(3)).digest
    assert fingerprint(lambda seed, generator: nn.Linear(seed + 1, 2), factory=True).digest
    assert "gives a int" in fingerprint(lambda: 3, factory=True).reason
    assert "could not be built: division" in fingerprint(lambda: 1 / 0, factory=True).reason


def test_functions_of_installed_packages_enter_by_name_and_version():
    a, b = fingerprint(functools.reduce), fingerprint(textwrap.dedent)
    assert a.digest != b.digest
    assert version_of("numpy.random") == np.__version__


def test_portable_means_that_load_finds_it(folder):
    code = fingerprint(folder.write(main=CLASS + "class Outer:\n    class Inner: pass\n").fresh("Outer.Inner"))
    assert code.portable
    assert load(code.path, code.qualname).__name__ == "Inner"
    found = folder.write(main="def fit(x): return x\nold = fit\ndef fit(x): return -x\n").fresh("old")
    assert fingerprint(found).reason == "its name in its file stands for something else"


@pytest.mark.parametrize(
    "main, portable",
    [("\nif __name__ == '__main__':\n    show()\n", True), ("\nshow()\n", False)],
)
def test_a_script_is_portable_when_it_can_be_imported(folder, main, portable):
    """A worker that imports a script without a guard would begin the audit anew."""
    text = "from byheart.fingerprint.code import fingerprint\ndef fit(x): return x\ndef show(): print(fingerprint(fit).portable)"
    folder.write(main=text + main)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=folder.path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(portable)


@pytest.mark.parametrize(
    "text, said",
    [
        ("x = 1\ny = x / 0\n", "main.py line 2: y = x / 0; ZeroDivisionError: division by zero"),
        ("def f(:\n", "SyntaxError"),
        ("import no_such_thing_at_all\n", "No module named 'no_such_thing_at_all'"),
        ("import sys\nsys.exit(3)\n", r"main.py line 2: sys.exit\(3\); RuntimeError: sys.exit\(3\) was called"),
        ("import json\njson.loads('{')\n", r"main.py line 2: json.loads\('{'\); json.decoder.JSONDecodeError"),
    ],
)
def test_a_failing_import_shows_the_users_lines(folder, text, said):
    folder.write(main=text)
    with pytest.raises(InputRefused, match=said) as caught:
        load_module(folder.path / "main.py")
    assert "importlib" not in str(caught.value)
    assert "decoder.py" not in str(caught.value)


def test_missing_files_and_names_are_said(folder):
    folder.write(main="class A: pass\n")
    with pytest.raises(InputRefused, match="no file"):
        load(folder.path / "absent.py", "fit")
    with pytest.raises(InputRefused, match="no B there"):
        load(folder.path / "main.py", "A.B")


def test_the_path_is_as_it_was(folder):
    before = list(sys.path)
    folder.write(main=MAIN, other=OTHER, third="NUMBER = 1\n").fresh()
    with reachable(folder.path / "main.py"):
        assert sys.path[0] == str(folder.path)
    assert sys.path == before


def test_a_module_of_the_same_name_is_not_mistaken(folder):
    folder.write(**{"json/__init__": "", "json/main": "def fit(x): return x\n"})
    with pytest.raises(InputRefused, match="importable"):
        load(folder.path / "json" / "main.py", "fit")


def test_global_generators_are_contained(untouched):
    def draws(seed):
        with contained(seed):
            return random.random(), np.random.rand(), torch.rand(()).item()

    assert draws(3) == draws(3)
    assert all(a != b for a, b in zip(draws(3), draws(4)))


def test_generators_come_back_after_an_error(untouched):
    def fails():
        with contained(0):
            return random.random(), np.random.rand(), torch.rand(()), 1 / 0

    with pytest.raises(ZeroDivisionError):
        fails()


def test_own_lines_are_the_users():
    try:
        np.linalg.inv(np.zeros((2, 2)))
    except np.linalg.LinAlgError as error:
        said = own_lines(error, __file__)
    line = test_own_lines_are_the_users.__code__.co_firstlineno + 2
    where, what, kind = said.split("; ")[0].split(": ") + said.split("; ")[1:]
    assert (where, what) == (f"test_code.py line {line}", "np.linalg.inv(np.zeros((2, 2)))")
    assert kind == "numpy.linalg.LinAlgError: Singular matrix"


def test_a_file_that_is_gone_leaves_no_digest(folder):
    fit = folder.write(main=MAIN, other=OTHER, third="NUMBER = 1\n").fresh()
    fingerprint(fit)  # its source is in the line cache now
    (folder.path / "other.py").unlink()
    assert "other.py cannot be read" in fingerprint(fit).reason


class Named(list):
    pass


class Whole(int):
    pass


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.inner = 1.0, nn.Linear(2, 2)


class Wrapper:
    """A decorator of the user's, which takes its function's name on."""

    def __init__(self, function, rate):
        self.rate = rate
        functools.update_wrapper(self, function)

    def __call__(self, x):
        return x


def _with(value, name, new):
    def change():
        setattr(value, name, new)

    return value, change


def _masked():
    value = np.ma.MaskedArray([1.0, 2.0], mask=[False, False])
    return value, lambda: value.__setitem__(0, np.ma.masked)


def _hooked(deep):
    value = Scaled()
    part = value.inner if deep else value
    return value, lambda: part.register_forward_hook(lambda module, given, out: out * 9)


@pytest.mark.parametrize(
    "make",
    [
        lambda: _with(Named([1]), "extra", 2),
        lambda: _with(Scaled(), "scale", 100.0),
        lambda: _with(torch.nn.Parameter(torch.ones(2)), "requires_grad", False),
        lambda: _with(Wrapper(square, 1), "rate", 2),
        lambda: _with(lambda x: x, "rate", 2),
        lambda: _hooked(False),
        lambda: _hooked(True),
        _masked,
    ],
)
def test_what_is_set_at_run_time_counts(make):
    value, change = make()
    before, again = fingerprint(closing_over(value)), fingerprint(closing_over(value))
    assert before.digest, before.reason
    assert before.digest == again.digest
    change()
    after = fingerprint(closing_over(value))
    assert after.digest != before.digest


def test_numbers_of_a_class_of_the_users_own_enter_by_value():
    assert fingerprint(closing_over(Whole(1))).digest != fingerprint(closing_over(Whole(2))).digest


@pytest.mark.parametrize("read", [
    "import conf\ndef fit(x): return conf.DEPTH\n",
    "import conf\ndef fit(x): return conf.depth()\n",
    "def fit(x):\n    import conf\n    return conf.DEPTH\n",
    "def fit(x):\n    from conf import DEPTH\n    return DEPTH\n",
    "from conf import depth\ndef fit(x): return depth()\n",
    "import conf\ndef fit(x): return getattr(conf, 'DE' + 'PTH')\n",
    "import conf\ndef first(x): return conf.depth\ndef fit(x): return first(x), conf.NET\n",
])  # fmt: skip
def test_what_is_read_of_a_local_module_enters_by_value(folder, read):
    conf = "import types\nDEPTH = 2\nNET = types.SimpleNamespace(rate=1)\ndef depth(): return DEPTH\n"
    fit = folder.write(main=read, conf=conf).fresh()
    before = fingerprint(fit)
    assert before.digest, before.reason
    sys.modules["conf"].DEPTH = 10
    sys.modules["conf"].NET.rate = 2
    assert fingerprint(fit).digest != before.digest


@pytest.mark.parametrize("value", [
    torch.zeros(2).to_sparse(), torch.empty(2, device="meta"), np.frompyfunc(square, 1, 1), np.vectorize(square),
])  # fmt: skip
def test_what_has_more_to_it_than_can_be_read_leaves_no_digest(value):
    code = fingerprint(closing_over(value))
    assert code.digest is None
    assert "value" in code.reason


def test_small_floats_are_read():
    a, b = (fingerprint(closing_over(torch.full((2,), v).to(torch.float8_e5m2))).digest for v in (1.0, 2.0))
    assert a
    assert a != b


def test_computed_names_leave_no_digest(folder):
    fit = folder.write(main="N = 1\ndef fit(x): return globals()['N']\n").fresh()
    assert "calls globals" in fingerprint(fit).reason
