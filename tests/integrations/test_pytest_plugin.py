"""The pytest plug-in: users' tests, run by pytest within pytest; the numbers they see, and what they pay."""

import os
import subprocess
import sys
import tomllib
from importlib import import_module, metadata
from pathlib import Path

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import byheart

pytest_plugins = "pytester"

ROOT = Path(__file__).parents[2]
MODULE = "byheart.integrations.pytest_plugin"
INSTALLED = MODULE in {point.value for point in metadata.entry_points(group="pytest11")}
PLUG_IN = [] if INSTALLED else ["-p", MODULE]
RUN = [*PLUG_IN, "-p", "no:randomly", "-q"]

THEIRS = """
    from pathlib import Path

    import numpy as np
    import pytest
    from sklearn.tree import DecisionTreeClassifier

    def fit(x, y, seed):
        with open(Path(__file__).with_name("trained"), "a") as file:
            file.write("x")
        return DecisionTreeClassifier(max_depth=2, random_state=seed).fit(x, y)

    @pytest.fixture(scope="module")
    def audit(byheart_audit):
        x = np.random.default_rng(7).normal(size=(70, 3))
        return byheart_audit((x, (x[:, 0] > 0).astype(int)), fit=fit, members=8, device="cpu")

    def test_held(audit):
        audit.gate(max={"memorised_share": 0.9}, min={"test_accuracy": 0.1}).check()
        assert audit.gate(max={"memorised_share": 0.9})

    def test_not_held(audit):
        audit.gate(max={"test_accuracy": 0.1, "memorised_share": 0.9}).check()

    def test_withheld(audit):
        audit.gate(fail_on="BH101").check()

    def test_allowed(audit):
        audit.gate(fail_on=["BH101"], allow_withheld=True).check()

    def test_plain_assert(audit):
        assert audit.gate(max={"test_accuracy": 0.1})

    def test_wrong_name(audit):
        audit.gate(max={"test_acuracy": 0.1})
"""


@pytest.fixture(scope="module")
def imported():
    """What an audit imports late, which pytester would take away again and torch cannot import twice."""
    x = np.random.default_rng(7).normal(size=(70, 3))
    made = byheart.audit(
        (x, (x[:, 0] > 0).astype(int)), fit=lambda x, y, seed: DecisionTreeClassifier().fit(x, y), members=8
    )
    made.gate(max={"test_accuracy": 1.0})


@pytest.fixture
def theirs(pytester, monkeypatch, imported):
    """Their test file, and how often it trained."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    pytester.makepyfile(test_memory=THEIRS)
    trained = pytester.path / "trained"

    class Theirs:
        run = staticmethod(lambda *words: pytester.runpytest_inprocess(*RUN, *words))
        times = property(lambda self: len(trained.read_text()) if trained.exists() else 0)

    return Theirs()


def test_the_numbers_stand_in_the_message_and_a_second_run_trains_nothing(theirs):
    first = theirs.run("-n", "0", "-rA")
    first.assert_outcomes(passed=2, failed=4)  # what is withheld is no pass, and nobody skips it
    first.stdout.re_match_lines([
        r"E +AssertionError: not held: your arrays, fit · run \w{12}",
        r"E +not held  test_accuracy at most 10.%: \d+\.\d.% \[\d+\.\d, \d+\.\d\], n 14",
        r"E +held      memorised_share at most 90.%: .* n 56",
        r"E +AssertionError: withheld: your arrays, fit · run \w{12}",
        r"E +withheld  BH101 withheld: Labels worth checking; .*; the interval contains 1.%\.",
        r"E +No pass: .* allow_withheld=True .*",
        r"E +AssertionError: assert <Gate not held: not held test_accuracy at most 10.%: \d+\.\d.% \[.*\], n 14>",
        r"E +byheart.errors.UnknownName: .*'test_acuracy'\. Nearest: test_accuracy, .*",
    ])  # fmt: skip
    assert "def check(self)" not in first.stdout.str()  # their line is shown, not ours
    trained = theirs.times
    assert trained >= 9  # and as often as it takes to say how long that is
    theirs.run("-n", "0").assert_outcomes(passed=2, failed=4)
    assert theirs.times == trained
    theirs.run("-n", "0", "--cache-clear", "-k", "held").assert_outcomes(passed=1, failed=2, deselected=3)
    assert theirs.times >= trained + 9


def test_the_ledger_lies_in_the_cache_and_lasts_a_run_where_there_is_none(theirs, pytester):
    theirs.run("-n", "0", "-k", "test_held").assert_outcomes(passed=1, deselected=5)
    assert (pytester.path / ".pytest_cache" / "d" / "byheart" / "ledger" / "index.db").is_file()
    trained = theirs.times
    theirs.run("-n", "0", "-k", "test_held or allowed", "-p", "no:cacheprovider").assert_outcomes(
        passed=2, deselected=4
    )
    assert theirs.times >= trained + 9


def test_workers_share_the_ledger(theirs, pytester, monkeypatch):
    theirs.run("-n", "0", "-k", "test_held").assert_outcomes(passed=1, deselected=5)
    trained = theirs.times
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    words = [*RUN, "-n", "2", "--dist", "each", "-k", "test_held"]
    done = pytester.runpytest_subprocess(*words)
    done.assert_outcomes(passed=2)
    assert theirs.times == trained


def test_another_folder_is_theirs_to_name(pytester):
    pytester.makepyfile(
        """
        def test_out(byheart_audit, monkeypatch, tmp_path):
            import byheart
            monkeypatch.setattr(byheart, "audit", lambda data, **options: (data, options), raising=False)
            assert byheart_audit(3, out=tmp_path, members=8) == (3, {"out": tmp_path, "members": 8})
            assert byheart_audit(3)[1]["out"].name == "byheart"
        """
    )
    pytester.runpytest_inprocess(*RUN, "-n", "0").assert_outcomes(passed=1)


def test_it_costs_nothing_where_it_is_not_used(pytester):
    pytester.makepyfile("def test_theirs(): pass")
    heavy = {"torch", "numpy", "scipy", "pydantic", "sklearn", "byheart.auditing"}
    code = (
        f"import sys, pytest; code = pytest.main(['-q', '-p', {MODULE!r}, '-p', 'no:cacheprovider', '--fixtures', '-v'])\n"
        f"print('HEAVY', int(code), sorted(set(sys.modules) & {heavy!r}))"
    )
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT / "src"), "PYTEST_PLUGINS": ""}
    done = subprocess.run([sys.executable, "-c", code], cwd=pytester.path, env=env, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "HEAVY 0 []", done.stdout + done.stderr
    assert "byheart_audit [session scope]" in done.stdout


def test_the_entry_point_names_it():
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert points == {"byheart": MODULE}
    assert import_module(MODULE).byheart_audit
