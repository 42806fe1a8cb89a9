"""The user's code in keys and in runs: what is given is what runs, whatever changes it is a new key, where it lies is not."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from byheart.auditing.audit import run as carry_out
from byheart.auditing.given import from_file
from byheart.auditing.request import make_request
from byheart.fingerprint.description import described, material, revive
from byheart.fingerprint.trust import load
from byheart.learners.estimator import Estimator
from byheart.learners.userfit import UserFit
from byheart.probes.base import Subject
from byheart.records.options import Options
from byheart.study.parse import every_probe
from byheart.study.plan import Settings, draw_step, plan
from byheart.tasks.table import Table

OPTIONS = Options(members=8, device="cpu", jobs=1)

MINE = """
import numpy as np
from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Classes
from sklearn.tree import DecisionTreeClassifier
NOISE = 0.0
STATE = None
class Mine(Task):
    name = "mine"
    def draw(self, seed):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(60, 3)); y = (x[:, 0] > 0).astype(int)
        f = rng.random(60) < NOISE
        y[f] = 1 - y[f]
        train = Examples(np.arange(60), x, y)
        if STATE: print(STATE)
        return Data({"train": train}, Classes(2, ("a", "b")), Truth(), {"title": "mine"})
task = Mine()
learner = DecisionTreeClassifier(max_depth=2)
"""


def _audit(file, folder, said=None, **options):
    found = from_file(file, {}, "auto")
    request = make_request(found.task, found.learner, replace(OPTIONS, **options), "test")
    return carry_out(request, folder, say=(said if said is not None else []).append)


@pytest.mark.parametrize("options", [{}, {"flip": 0.1}, {"jobs": 2}])
def test_a_task_of_the_users_own_runs_and_its_code_is_in_the_key(tmp_path, ran, options):
    file = tmp_path / "my_audit.py"
    file.write_text(MINE)
    first = _audit(file, tmp_path / "out", **options)
    assert first.findings["complexity/description-length"].status != "failed"
    before = len(ran)
    _audit(file, tmp_path / "out", **options)
    assert len(ran) == before
    file.write_text(MINE.replace("NOISE = 0.0", "NOISE = 0.5"))
    second = _audit(file, tmp_path / "out", **{**options, "jobs": 1})  # workers are started once: they change no number
    assert len(ran) > before
    assert second.findings["complexity/description-length"] != first.findings["complexity/description-length"]


def test_a_task_that_cannot_be_read_runs_and_is_not_kept(tmp_path):
    file, said = tmp_path / "my_audit.py", []
    file.write_text(MINE.replace("STATE = None", "STATE = iter([])").replace("if STATE: print(STATE)", "list(STATE)"))
    audit = _audit(file, tmp_path / "out", said)
    assert any("Not kept: the global STATE is a builtins.list_iterator" in line for line in said)
    assert any("Not kept" in note for note in audit.to_dict()["provenance"]["notes"])
    assert not (tmp_path / "out").exists()


LEARNER = """
from byheart.learners.ridge import Ridge
CALLS = []
class Mine(Ridge):
    name = "mine"
    def fit(self, *given, **named):
        CALLS.append(1)
        return super().fit(*given, **named)
"""


def test_a_learner_of_the_users_own(tmp_path):
    from byheart.tasks.modular import Modular

    file = tmp_path / "mine.py"
    keys = []
    for text in (LEARNER, LEARNER.replace("append(1)", "append(2)")):
        file.write_text(text)
        learner = load(file, "Mine")()
        assert learner.keyed
        request = make_request(Modular(p=7), learner, OPTIONS, "test")
        carry_out(request, tmp_path / "out")
        own = [s for s in plan(request.subject, every_probe(), Settings(), None).train if s.live["learner"] is learner]
        keys.append({step.key for step in own})
        calls = sys.modules[type(learner).__module__].CALLS
        assert calls
        assert own
        assert not any(step.portable for step in own)
    assert not keys[0] & keys[1]


def test_descriptions_of_our_own_hold_nothing_more():
    from byheart.learners.mlp import Mlp
    from byheart.tasks.digits import Digits
    from byheart.tasks.label_noise import Flipped

    for spec in (Mlp(), Flipped(task=Digits()), Estimator.of(KNeighborsClassifier())):
        whole = json.loads(json.dumps(spec.describe()))
        assert whole.pop("files", {}) == {}
        for name in getattr(spec, "later", ()):  # fields that are said where they are not the default
            whole.pop(name)
        assert described(spec) == whole
        assert material(described(spec)) == described(spec)
    assert described(Mlp(clip=1.0))["clip"] == 1.0
    assert revive(described(Mlp(clip=1.0))) == Mlp(clip=1.0)


FIT = "import numpy as np\ndef fit(x, y, seed):\n    return lambda new: np.zeros(len(new), int)\n"
CLASS = "from sklearn.tree import DecisionTreeClassifier\nclass Mine(DecisionTreeClassifier):\n    pass\n"


def _keys(task, learner):
    subject = Subject(task, learner, members=8, offers=frozenset({"classes", "test"}))
    return {step.key for step in plan(subject, every_probe(), Settings(), None).steps}


@pytest.mark.parametrize("kind", ["fit", "module", "estimator", "table"])
def test_a_file_that_was_moved_keeps_its_keys(tmp_path, kind):
    from byheart.learners.torch_module import FromFactory
    from byheart.tasks.modular import Modular

    texts = {"fit": FIT, "estimator": CLASS, "module": "from torch import nn\ndef make():\n    return nn.Linear(2, 2)\n",
             "table": "a,b,target\n" + "\n".join(f"{i % 7},{i / 2},{'yn'[i % 2]}" for i in range(60))}  # fmt: skip

    def made(path):
        if kind == "table":
            return Table.of(path, "target"), Estimator(cls="KNeighborsClassifier")
        learner = {"fit": lambda: UserFit.of(load(path, "fit")), "module": lambda: FromFactory.of(load(path, "make")),
                   "estimator": lambda: Estimator.of(load(path, "Mine")(max_depth=2))}[kind]()  # fmt: skip
        return Modular(p=7), learner

    first = tmp_path / f"a.{'csv' if kind == 'table' else 'py'}"
    first.write_text(texts[kind])
    subject = made(first)
    keys, second = _keys(*subject), tmp_path / "deep" / first.name
    second.parent.mkdir()
    shutil.move(first, second)
    moved = made(second)
    assert _keys(*moved) == keys
    assert [part.key() for part in moved] == [part.key() for part in subject]
    for part in moved:  # and a worker finds it where it lies now
        assert revive(json.loads(json.dumps(described(part)))).describe() == part.describe()
    if kind == "table":
        second.write_text(texts[kind] + "\n1,2,y")
        assert draw_step(Subject(*made(second))).key != draw_step(Subject(*subject)).key


SCRIPT = """
import sys
import numpy as np
import byheart as bh
from sklearn.tree import DecisionTreeClassifier
import conf
DEPTH = 1
def fit(x, y, seed):
    with open("depths.txt", "a") as file:
        file.write(f"{DEPTH} {conf.DEPTH}\\n")
    return DecisionTreeClassifier(max_depth=DEPTH, random_state=seed).fit(x, y)
with open("imports.txt", "a") as file:
    file.write("once\\n")
if __name__ == "__main__":
    DEPTH = conf.DEPTH = 3
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)); y = (x[:, 0] > 0).astype(int)
    said = []
    bh.audit((x, y), fit=fit, members=8, jobs=int(sys.argv[1]), device="cpu", say=said.append)
    print([line for line in said if "this process" in line])
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_values_set_by_the_main_part_are_those_that_run(tmp_path, jobs):
    """The file alone would give depth 1; the object given has depth 3."""
    (tmp_path / "main.py").write_text(textwrap.dedent(SCRIPT))
    (tmp_path / "conf.py").write_text("DEPTH = 1\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "main.py", str(jobs)], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set((tmp_path / "depths.txt").read_text().splitlines()) == {"3 3"}
    if jobs == 1:
        assert (tmp_path / "imports.txt").read_text() == "once\n"
        assert done.stdout.strip() == "[]"
    else:
        assert "runs in this process" in done.stdout


def test_a_worker_runs_the_file_once(tmp_path):
    file, x = tmp_path / "main.py", np.zeros((20, 2))
    file.write_text(f"with open({str(tmp_path / 'n.txt')!r}, 'a') as file: file.write('.')\n" + FIT)
    learner = UserFit.of(load(file, "fit"))
    assert learner.portable
    (tmp_path / "n.txt").unlink()
    for _ in range(3):
        assert revive(described(learner)).function()(x, None, 0)(x).shape == (20,)
    assert (tmp_path / "n.txt").read_text() == "."
