"""Reading runs no code: whatever a ledger, a run folder or a claim names, nothing of it runs unless the reader trusts it."""

import ast
import contextlib
import hashlib
import importlib.util
import json
import os
import pickle
import py_compile
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import byheart
from byheart.auditing.explain_run import report_hides
from byheart.cli.main import main
from byheart.errors import InputRefused, UnknownName
from byheart.fingerprint import trust
from byheart.fingerprint.code import _AGAIN
from byheart.fingerprint.description import OWN, described, revive
from byheart.learners.estimator import Estimator
from byheart.learners.mlp import Mlp
from byheart.learners.torch_module import FromFactory
from byheart.learners.userfit import UserFit
from byheart.ledger.base import Result
from byheart.ledger.sqlite import SqliteLedger
from byheart.maths.recording.optimizer_spec import Recipe
from byheart.records.spec import key_of
from byheart.study.serialization import data_result
from byheart.tasks.arrays import Arrays

SOURCE = Path(byheart.__file__).parent

# Every place outside of fingerprint/trust.py where bytes, or a word, become something that can be called; each with its reason.
STATED = {
    ("__init__.py", "import_module"): "names of a table in the code",
    ("registry.py", "importlib.import_module"): "names of a table in the code",
    ("report/cards/__init__.py", "import_module"): "names of files in our own folder",
    ("registry.py", "plugins(kind)[name].load"): "entry points of installed packages",
    ("registry.py", "metadata.entry_points"): "names them",
    ("integrations/framework_recorder.py", "import_module"): "a name that the caller of `library` writes: tested below",
    ("engines/pool.py", "pickle.dumps"): "to our own worker",
    ("engines/worker.py", "pickle.loads"): "from our own parent, over its pipe",
    ("engines/inline.py", "ctypes.CDLL"): "the C library of this process",
    ("engines/worker.py", "ctypes.CDLL"): "the C library of this process",
    ("fingerprint/code.py", "subprocess.run"): "Python, on code that the caller passed",
    ("fingerprint/bytecode_names.py", "importlib.util.resolve_name"): "text to text",
    ("auditing/named_learner.py", "importlib.import_module"): "what the user names by --learner MODULE:NAME",
    ("records/columns.py", "find_spec"): "of polars, pandas or pyarrow, which runs nothing",
    ("fingerprint/sources.py", "importlib.util.find_spec"): "of a top-level name, which runs nothing",
    ("levers/private_steps.py", "importlib.util.find_spec"): "of opacus, which runs nothing",
    ("records/provenance.py", "system"): "of platform: what it is called",
    ("learners/checkpoint_file.py", "torch.load"): "weights_only=True",
    ("auditing/measured_trace.py", "Trace.load"): "JSON and safetensors",
    ("tasks/archive.py", "np.load"): "allow_pickle=False",
    ("tasks/vendored.py", "np.load"): "allow_pickle=False",
    ("tasks/series.py", "np.load"): "allow_pickle=False",
    ("tasks/array_series.py", "np.load"): "allow_pickle=False",
}
RUNS = re.compile(
    r"(.*\.)?(import_module|exec|eval|compile|__import__|exec_module|module_from_spec|spec_from_\w+|find_spec|resolve_name|"
    r"\w*Loader|run_path|run_module|entry_points|load_module|CDLL|Popen|check_output|check_call|system|popen|exec[lv]p?e?|"
    r"spawn\w+|read_pickle|Unpickler)$|.*\b(pickle|marshal|shelve|dill|cloudpickle|joblib|runpy|subprocess)\.\w+$|"
    r"(np|numpy|torch|yaml)\.load$|.*\.load$"
)
# `module.eval()`, our own `load_module`, and what is only called alike
HARMLESS = re.compile(r"re\.compile|torch\.compile|.*\._?eval|load_module|DataLoader|FunctionLoader")


def _calls(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if RUNS.fullmatch(called) and not HARMLESS.fullmatch(called):
                yield path.relative_to(SOURCE).as_posix(), called, node


def test_one_module_leads_from_bytes_to_what_can_be_called():
    modules = [p for p in SOURCE.rglob("*.py") if "testing" not in p.parts]
    found = [one for path in modules for one in _calls(path)]
    assert {(name, called) for name, called, _ in found if name != "fingerprint/trust.py"} == set(STATED)
    loads = [node for name, called, node in found if called == "np.load"]
    assert all("allow_pickle=False" in ast.unparse(node) for node in loads)
    (door,) = [node for _, called, node in found if called == "torch.load"]
    assert "weights_only=True" in ast.unparse(door)
    asked = [ast.unparse(node) for path in modules for node in ast.walk(ast.parse(path.read_text()))
             if isinstance(node, ast.Call) and ast.unparse(node.func) == "library"]  # fmt: skip
    assert asked
    assert all(isinstance(ast.parse(call).body[0].value.args[0], ast.Constant) for call in asked)


def test_no_word_that_was_read_is_looked_up_in_a_module():
    """`getattr(torch, word)`: a module's attribute by a name that is no constant."""
    found = {
        (path.relative_to(SOURCE).as_posix(), ast.unparse(node))
        for path in SOURCE.rglob("*.py")
        if "testing" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "getattr"
        and re.match(r"(torch|np|numpy|os|sys|sklearn|importlib|builtins|signal)\b(?!\.)", ast.unparse(node.args[0]))
        and not isinstance(node.args[1], ast.Constant)
    }
    assert found == {("cli/main.py", "getattr(signal, name)")}  # of a tuple in the code


# A stranger's folder ----------------------------------------------------------------------------------------------


@pytest.fixture
def marker(tmp_path):
    """What a payload writes; it must not be there."""
    return tmp_path / "ran"


@pytest.fixture
def evil(tmp_path, marker, monkeypatch):
    """Files that write the marker when they are run: a module, and packages that look like those of the list."""
    folder = tmp_path / "stranger"
    folder.mkdir()
    text = f"""\
# A harmless model.
from torch import nn
open({str(marker)!r}, "a").write("ran")
def make():
    return nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
def fit(x, y, seed):
    return make()
class Mine:
    def __init__(self, c=1): self.c = c
    def get_params(self, deep=True): return {{"c": self.c}}
    def fit(self, x, y): return self
"""
    (folder / "evil.py").write_text(text)
    for package in ("sklearnx", "catboost", "sklearn_extra"):
        if importlib.util.find_spec(package) is None:
            (folder / f"{package}.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(trust, "_SHOWN", set())
    before = set(sys.modules)
    yield folder / "evil.py"
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    _AGAIN.clear()
    trust._ONCE.clear()


def made(name, **fields):
    return {"kind": "learner", "name": name, "version": 2, **fields}


def estimator(cls, **params):
    return made("estimator", cls=cls, params=params)


def of_file(name, path, **fields):
    """A description that names `make` or `fit` of a file, its digest or another."""
    digest = trust.digest_of(path) if Path(path).is_file() else ""
    where = {"path": str(path), "files": digest}
    return made(name, qualname="make" if name == "module" else "fit", code="0" * 64, **{"lies at": where, **fields})


def payloads(path, marker):
    """What to name, and a word of the refusal."""
    touch = ["touch", str(marker)]
    writes = f"open({str(marker)!r}, 'w')"
    nested = {"estimator": ["subprocess:Popen", {"args": touch}]}
    yield from {
        "Popen": estimator("subprocess:Popen", args=touch),
        "Popen without releases": estimator("subprocess:Popen", args=touch) | {"releases": {}},
        "run": estimator("subprocess:run", args=touch),
        "system": estimator("os:system", command=" ".join(touch)),
        "posix": estimator("posix:system", command=" ".join(touch)),
        "exec": estimator("builtins:exec", object=writes),
        "eval": estimator("builtins:eval", source=writes),
        "timeit": estimator("timeit:Timer", stmt=writes),
        "ours": estimator("byheart.fingerprint.trust:load_module", path=str(path)),
        "ours again": estimator("byheart.fingerprint.code:again", path=str(path), qualname="make", digest=""),
        "the registry": estimator("byheart.registry:importlib.import_module", name="evil"),
        "a module by its name": estimator("evil:Mine"),
        "a lookalike": estimator("sklearnx:Mine"),
        "another lookalike": estimator("sklearn_extra:Mine"),
        "not installed, from the folder": estimator("catboost:Mine"),
        "a walk": estimator("sklearn.utils:os.system", command=" ".join(touch)),
        "a walk to a class": estimator("sklearn.utils.parallel:threading.Thread"),
        "a class of another package": estimator("sklearn.utils._testing:TemporaryDirectory"),
        "a function of sklearn": estimator("sklearn.datasets:load_files", container_path="/"),
        "a relative name": estimator(".evil:Mine"),
        "an empty name": estimator(":Mine"),
        "a colon": estimator(":"),
        "dots": estimator("sklearn..svm:SVC"),
        "main": estimator("__main__:SystemExit"),
        "a file": estimator(f"{path}:Mine"),
        "a file with a digest": estimator(f"{path}:Mine") | {"lies at": {"files": {str(path): trust.digest_of(path)}}},
        "within": estimator("BaggingClassifier", estimator=nested),
        "within a list": estimator("Pipeline", steps=[{"tuple": ["a", nested]}]),
        "within items": estimator("LogisticRegression", class_weight={"items": [[0, nested]]}),
        "within a file's": estimator("BaggingClassifier", estimator={"estimator": [f"{path}:Mine", {}]}),
        "a cache of pickles": estimator("Pipeline", steps=[], memory=str(path.parent)),
        "a module": of_file("module", path),
        "a module, no digest": of_file("module", path) | {"lies at": {"path": str(path)}},
        "a fit": of_file("user-fit", path),
        "a pipe": of_file("module", "/dev/stdin"),
        "no name of ours": made("subprocess:Popen", args=touch),
        "a probe for a learner": {"kind": "../learner", "name": "mlp", "version": 1},
        "a class of somebody's own": described(Mlp()) | {OWN: "0" * 64},
    }.items()


NAMES = [name for name, _ in payloads(Path("x"), Path("y"))]


def forged(folder, learner, task=None, levers=(), probe="generalization/gap"):
    """A run folder with a ledger in which a finished audit names what the stranger wants."""
    x = np.arange(80.0).reshape(40, 2) / 80
    drawn = Arrays.of(x, np.arange(40) % 2, x[:3] + 0.01, [0, 1, 0]).draw(0)  # new examples are 0, 1 and 2
    data = data_result(drawn)
    draw, measure = key_of("draw"), key_of("measure")
    subject = {"task": task or described(Arrays.of(x, np.arange(40) % 2)), "learner": learner, "levers": list(levers),
               "seed": 0, "members": 8, "share": 0.7, "offers": []}  # fmt: skip
    ledger = SqliteLedger(folder / "ledger")
    ledger.put(draw, data, {"kind": "draw"})
    about = {"kind": "measure", "draw": draw, "runs": {}, "probe": {}, "subject": subject}
    ledger.put(measure, Result({"finding": {}}), about)
    document = {"provenance": {"steps": {probe: measure}, "threads": 1}}
    ledger.put(key_of("document"), Result(document), {"kind": "document", "run": "0" * 12, "title": "t"})
    ledger.close()
    return folder


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a command line in this process: exit code and all that it says."""
    monkeypatch.setattr("byheart.cli.main._listen", lambda: None)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)

    def command(*words):
        monkeypatch.setattr("byheart.cli.main._stopping", False)
        monkeypatch.setattr(sys, "argv", ["byheart", *map(str, words)])
        try:
            main()
        except SystemExit as end:
            said = capsys.readouterr()
            return end.code or 0, said.out + said.err
        said = capsys.readouterr()
        return 0, said.out + said.err

    return command


@pytest.mark.parametrize("name", NAMES)
def test_a_strangers_run_runs_nothing(name, evil, marker, tmp_path, run):
    learner = dict(payloads(evil, marker))[name]
    folder = forged(tmp_path / "run", learner)
    code, said = run("explain", folder, "--test", "0", "--out", folder)
    assert not marker.exists()
    assert code in (2, 3), said
    assert "Traceback" not in said
    assert "broke" not in said
    if name.startswith(("a module", "a fit", "a file", "a lookalike", "Popen", "within", "not installed")):
        assert "--trust" in said or "step by step" in said, said  # of what is not explained nothing is run either
    assert len(said.splitlines()) <= 6
    for words in (["show", folder], ["report", folder], ["list", "run", "--out", folder]):
        run(*words)
        assert not marker.exists()


@pytest.mark.parametrize("where", ["task", "levers"])
@pytest.mark.parametrize("name", ["Popen", "Popen without releases", "a file", "a module", "a fit", "no name of ours"])
def test_nor_do_its_task_and_levers(where, name, evil, marker, tmp_path, run):
    payload = dict(payloads(evil, marker))[name]
    given = {"task": payload} if where == "task" else {"levers": [payload]}
    folder = forged(tmp_path / "run", described(Mlp(epochs=1, hidden=(4,))), **given)
    code, said = run("explain", folder, "--test", "0", "--out", folder)
    assert code in (2, 3), said
    assert not marker.exists()


@pytest.mark.parametrize("field", [{"view": "/../../mine"}, {"label": "<b>"}, {"steps": "../m"}, {"hessian": "<i>"}])
def test_a_kept_explanation_does_not_choose_where_its_page_goes_or_what_it_says(field, tmp_path, run):
    folder = forged(tmp_path / "run", described(Mlp(epochs=1, hidden=(4,))))
    assert run("explain", folder, "--test", "0", "--out", folder)[0] == 0
    ledger = SqliteLedger(folder / "ledger")
    key = next(iter(ledger.keys("explain")))
    kept, about = ledger.get(key), ledger.about(key)
    ledger.forget(key)
    ledger.put(key, Result(kept.document | field, kept.arrays), about)
    ledger.close()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.html")}
    code, said = run("explain", folder, "--test", "0", "--out", folder)
    assert (code, {path: path.read_bytes() for path in tmp_path.rglob("*.html")}) == (0, before)
    assert ("Damaged ledger" in said) == ("view" not in field)  # a view is not read from there


def test_a_pipe_in_the_place_of_a_report_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "report.json")
    assert report_hides(tmp_path) is False
    (tmp_path / "report.json").unlink()
    (tmp_path / "report.json").write_text("[" * 100_000)
    assert report_hides(tmp_path) is False


CLAIM = """
claim = "c"
source = [{{author = "a", year = 2020, title = "t"}}]
[subject.s]
task = "digits"
task_settings = {{n = 60}}
learner = {learner}
learner_settings = {settings}
members = 8
probes = ["generalization/gap"]
[[expect]]
says = "s"
quantity = "generalization/gap/train_accuracy"
above = 0.1
"""


def _toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    return "[" + ", ".join(map(_toml, value)) + "]" if isinstance(value, list) else json.dumps(value)


def test_a_strangers_claim_runs_nothing(evil, marker, tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = "balance.toml"
    for name, learner in payloads(evil, marker):
        if learner["name"] == "mlp":  # what makes these odd is not of a claim
            continue
        settings = {key: value for key, value in learner.items() if key not in ("kind", "name", "version", "lies at")}
        text = CLAIM.format(learner=json.dumps(learner["name"]), settings=_toml(settings | learner.get("lies at", {})))
        Path(file).write_text(text)
        for words in [["study", file], *([["audit", file], ["plan", file]] if name == "Popen" else [])]:
            code, said = run(*words)
            assert code in (2, 3), (name, said)
            assert not marker.exists(), (name, words)
            assert "Traceback" not in said


def test_a_cache_of_pickles_is_not_read(tmp_path, marker):
    """Why `memory` is refused: joblib unpickles what it finds there."""

    class Payload:
        def __reduce__(self):
            return os.system, (f"touch {marker}",)

    (tmp_path / "x.pkl").write_bytes(pickle.dumps(Payload()))
    written = described(Estimator.of(make_pipeline(LogisticRegression(), memory=str(tmp_path))))
    with trust.reading(), pytest.raises(InputRefused, match="memory"):
        revive(written)
    assert revive(written).params["memory"] == str(tmp_path)  # the caller's own
    for harmless in ("path_length", "login", "file_size", "input", "output_distribution"):
        assert not trust.FILE_PARAMETERS.fullmatch(harmless)


# What goes through ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("instance", [LogisticRegression(C=0.5), make_pipeline(LogisticRegression(max_iter=7))])
def test_estimators_of_the_list_go_through(instance):
    with trust.reading():
        assert revive(described(Estimator.of(instance))) == Estimator.of(instance)
    with trust.reading():
        assert Estimator(cls="sklearn.svm:SVC").cls == "SVC"


def test_no_name_walks_through_a_module():
    for opened in (True, False):
        with trust.reading() if opened else contextlib.nullcontext(), pytest.raises(UnknownName):
            Estimator(cls="sklearn.linear_model:_logistic.LogisticRegression")


def test_what_the_caller_names_goes_through(evil, marker):
    assert Estimator(cls=f"{evil}:Mine").cls == f"{evil}:Mine"
    assert marker.exists()
    with pytest.raises(UnknownName, match="no fit and get_params"):
        Estimator(cls="subprocess:Popen", params={"args": ["true"]})


def test_a_file_is_refused_with_what_would_run_and_runs_when_trusted(evil, marker, tmp_path, run):
    mine = FromFactory.of(trust.load(evil, "make"), epochs=1, batch=8)
    marker.unlink()
    _AGAIN.clear(), trust._ONCE.clear()
    folder = forged(tmp_path / "run", described(mine))
    code, said = run("explain", folder, "--test", "0", "--out", folder)
    assert code == 3
    assert not marker.exists()
    for word in (str(evil), hashlib.sha256(evil.read_bytes()).hexdigest(), "# A harmless model.", "--trust"):
        assert word in said
    code, said = run("explain", folder, "--test", "0", "--out", folder, "--trust", "--quiet")
    assert code == 0, said
    assert marker.exists()
    for word in ("Trusted:", str(evil), hashlib.sha256(evil.read_bytes()).hexdigest(), "# A harmless model."):
        assert word in said
    code, said = run("explain", folder, "--test", "0", "--out", folder)  # kept, so nothing has to run
    assert code == 0, said


@pytest.mark.parametrize("learner", ["module", "user-fit", "estimator"])
@pytest.mark.parametrize("trusted", [True, None])
def test_another_file_than_it_was_is_not_run_by_anybody(learner, trusted, evil, marker):
    """Also not by a worker, which is not `reading`: the digest is checked before the file is run."""
    if learner == "estimator":
        again = described(Estimator(cls=f"{evil}:Mine"))
    else:
        function = trust.load(evil, "make" if learner == "module" else "fit")
        again = described(FromFactory.of(function) if learner == "module" else UserFit.of(function))
    marker.unlink()
    evil.write_text(evil.read_text() + "\nother = 1\n")
    _AGAIN.clear(), trust._ONCE.clear()

    def use():
        found = revive(again)
        return found.function() if learner == "module" else found.function() if learner == "user-fit" else None

    if trusted:
        with trust.reading(trusted), pytest.raises(InputRefused, match="as it was when the audit began"):
            use()
    else:
        with pytest.raises(InputRefused, match="as it was when the audit began"):
            use()
    assert not marker.exists()


def test_a_file_that_it_imports_is_checked_too(evil, marker):
    (evil.parent / "part.py").write_text("a = 1\n")
    evil.write_text("import part\nfrom torch import nn\ndef make():\n    return nn.Linear(2, 2)\n")
    again = described(FromFactory.of(trust.load(evil, "make")))
    sys.modules.pop("part")
    (evil.parent / "part.py").write_text(f"open({str(marker)!r}, 'w')\n")
    _AGAIN.clear(), trust._ONCE.clear()
    with pytest.raises(InputRefused, match="as it was when the audit began"):
        revive(again).function()
    assert not marker.exists()


def test_compiled_code_beside_a_file_is_not_run(evil, marker):
    harmless = "def make():\n    return 1\n"
    stat = os.stat(evil)
    other = evil.parent / "other.py"
    other.write_text(f"open({str(marker)!r}, 'w')\n{harmless}")
    py_compile.compile(
        str(other), importlib.util.cache_from_source(str(evil)), doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )  # fmt: skip
    evil.write_text(harmless)
    os.utime(evil, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert trust.load(evil, "make")() == 1
    assert not marker.exists()


def test_trust_shows_a_package_and_still_asks_for_an_estimator(evil, marker, capsys):
    with trust.reading(trust=True):
        assert Estimator(cls="sklearnx:Mine").cls.endswith(":Mine")
        assert marker.exists()
        assert "Trusted: the package sklearnx" in capsys.readouterr().err
        for name in ("subprocess:Popen", "os:system", "sklearn.utils:os.system"):
            with pytest.raises(UnknownName):
                Estimator(cls=name, params={"args": ["false"]})


def test_a_trace_names_only_optimisers_whose_steps_are_known():
    for kind in ("Optimizer", "os", "lr_scheduler", "LBFGS"):
        with pytest.raises(ValueError, match="an optimiser"):
            Recipe.from_document({"kind": kind, "groups": [], "flags": {}})
