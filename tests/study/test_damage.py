"""A damaged or missing blob is named and computed again; the answers are the same."""

import json
import shutil

import numpy as np
import pytest

from byheart.auditing.audit import run as carry_out
from byheart.ledger.sqlite import SqliteLedger
from byheart.study import soundness
from byheart.study.steps import Step
from byheart.training.members import Members
from byheart.training.run import Outcomes, Run


def _files(folder, kind, part):
    """The blobs of the steps of this kind, in the order of their keys: their entries, or their arrays."""
    blobs, found = folder / "ledger" / "blobs", {}
    for path in blobs.glob("??/*.json"):
        entry = json.loads(path.read_text())
        if entry["about"].get("kind") == kind and (part == "entry" or entry["arrays"]):
            arrays = blobs / (entry["arrays"] or "")[:2] / f"{entry['arrays']}.safetensors"
            found[entry["key"]] = path if part == "entry" else arrays
    return [found[key] for key in sorted(found)]


def _flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def _delete(path):
    path.unlink()


@pytest.mark.parametrize("harm", [_flip, _delete])
@pytest.mark.parametrize("kind, part", [
    ("draw", "entry"), ("draw", "arrays"), ("train", "entry"), ("measure", "entry"), ("measure", "arrays"),
    ("document", "entry"),
])  # fmt: skip
def test_damage_is_named_and_mended(kind, part, harm, finished, tree, ran, timeless, tmp_path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    before = timeless(carry_out(tree(), tmp_path))
    harmed = _files(tmp_path, kind, part)[0]
    harm(harmed)
    ran.clear()
    said = []
    audit = carry_out(tree(), tmp_path, say=said.append)
    assert [line for line in said if "Damaged" in line and harmed.name in line]
    assert [step for step, _ in ran] == ([] if kind == "document" else [kind])
    assert timeless(audit) == before
    assert len(audit.columns("memory/counterfactual")["score"]) == len(audit.memorised(100)) == 56
    ran.clear()
    said.clear()
    carry_out(tree(), tmp_path, say=said.append)
    assert not [line for line in said if "Damaged" in line]
    assert ran == []


@pytest.mark.parametrize("harm", [_flip, _delete])
def test_a_damaged_run_is_trained_again_before_it_is_read(harm, finished, tree, ran, timeless, tmp_path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    audit = carry_out(tree(), tmp_path)
    before = timeless(audit)
    ledger = SqliteLedger(tmp_path / "ledger")
    for step in audit._plan.measure:
        ledger.forget(step.key)
    ledger.close()
    harmed = _files(tmp_path, "train", "arrays")[0]
    harm(harmed)
    ran.clear()
    said = []
    again = carry_out(tree(), tmp_path, say=said.append)
    assert [line for line in said if harmed.name in line]
    assert [kind for kind, _ in ran].count("train") == 1
    assert timeless(again) == before
    todo = next(line for line in said if " to do" in line)
    assert int(todo.rsplit(",", 1)[-1].split()[0]) == len(ran)


@pytest.mark.parametrize("odd", [{"kept": None}, {"kept": {"weights": {"a": ["members"]}}}, {"axes": None}], ids=str)
def test_a_run_that_does_not_say_what_it_keeps_is_done_again(odd):
    """Runs of before said neither axes nor what was kept, and called what was seen `mask`."""
    run = Run(Members(np.arange(2), np.ones((2, 3), bool)), (0,), {"train": Outcomes(np.zeros((1, 2, 3), np.float32))})
    about = {"kind": "train", "start": 0, "stop": 2}
    document, arrays = {**run.document(), "about": {"cpu_seconds": 0.0}}, ShapedArrays(run.arrays())
    soundness._train(Step(about), document, arrays)
    former = {name: value for name, value in document.items() if name not in ("axes", "kept")}
    soundness._train(Step(about), former, ShapedArrays({"mask": np.ones((2, 3), bool), "seeds": np.arange(2), "train.loss_nats": np.zeros((1, 2, 3))}))
    with pytest.raises((ValueError, AttributeError, TypeError)):
        soundness._train(Step(about), {**document, **odd}, arrays)
    with pytest.raises(ValueError, match="axes"):
        soundness._train(Step(about), former, arrays)


class ShapedArrays(dict):
    """Arrays whose shapes are asked as the ledger's are."""

    def shape(self, name):
        return self[name].shape
