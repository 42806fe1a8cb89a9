"""The door for weights: what it reads, under which names, and everything that it must not let in."""

import argparse
import collections
import contextlib
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from byheart.errors import InputRefused
from byheart.learners import checkpoint_file
from byheart.learners.checkpoint_file import read_checkpoint
from byheart.learners.weight_names import load_into


def net(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


WEIGHTS = net().state_dict()


@pytest.fixture
def saved(tmp_path):
    """Writes what it is given with torch.save, and gives the path."""

    def write(given, name="model.pt", **how):
        torch.save(given, tmp_path / name, **how)
        return tmp_path / name

    return write


def equal(found, weights=WEIGHTS):
    assert sorted(found.weights) == sorted(weights)
    assert all(torch.equal(found.weights[name], value) for name, value in weights.items())


def refused(path, *words):
    with pytest.raises(InputRefused) as told:
        read_checkpoint(path)
    for word in words:
        assert word in str(told.value), word
    return str(told.value)


# What comes in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{}, {"_use_new_zipfile_serialization": False}], ids=["zip", "old"])
@pytest.mark.parametrize("hold", [
    lambda weights: weights,
    lambda weights: {"state_dict": weights, "epoch": 3, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}}},
    lambda weights: {"model": weights, "args": argparse.Namespace(lr=0.1), "best": np.float64(0.5)},
    lambda weights: {"network_1": weights, "optimizer_state": {"step": torch.ones(1)}},
    lambda weights: {"model_state_dict": {f"module.{name}": value for name, value in weights.items()}},
    lambda weights: {f"_orig_mod.module.{name}": value for name, value in weights.items()},
    lambda weights: {f"module._orig_mod.{name}": value for name, value in weights.items()},
])  # fmt: skip
def test_a_file_of_torch_save_gives_its_state_dict(hold, how, saved):
    equal(read_checkpoint(saved(hold(WEIGHTS), **how)))


def test_a_part_that_was_compiled_has_its_own_names_again(saved):
    named = {name if name.startswith("0") else f"2._orig_mod.{name[2:]}": value for name, value in WEIGHTS.items()}
    found = read_checkpoint(saved(named))
    equal(found)
    assert found.notes == ("names: without _orig_mod.",)


def test_a_prefix_that_not_all_names_have_stays(saved):
    weights = {"module.weight": torch.ones(2, 2), "head.weight": torch.ones(2, 2)}
    assert list(read_checkpoint(saved(weights)).weights) == list(weights)


def test_names_that_would_fall_together_stay(saved):
    weights = {"_orig_mod.a": torch.ones(2), "a": torch.zeros(2)}
    assert list(read_checkpoint(saved(weights)).weights) == list(weights)


def test_the_harmless_kinds_of_numpy_and_counters_come_in(saved):
    kinds = {"a": np.arange(3), "f": np.float32(2), "b": np.array([True]), "d": collections.defaultdict(list)}
    equal(read_checkpoint(saved({"state_dict": WEIGHTS, **kinds})))


def test_safetensors_and_shards_of_a_folder(tmp_path):
    save_file(WEIGHTS, tmp_path / "whole.safetensors")
    equal(read_checkpoint(tmp_path / "whole.safetensors"))
    shards = tmp_path / "shards"
    shards.mkdir()
    parts = {"a-1.safetensors": list(WEIGHTS)[:1], "a-2.safetensors": list(WEIGHTS)[1:]}
    for name, own in parts.items():
        save_file({one: WEIGHTS[one] for one in own}, shards / name)
    index = {"weight_map": {one: name for name, own in parts.items() for one in own}}
    (shards / "model.safetensors.index.json").write_text(json.dumps(index))
    assert sorted(read_checkpoint(shards).weights) == sorted(WEIGHTS)


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "a/b.safetensors", "x.pt"])
def test_an_index_names_no_file_outside_of_its_folder(name, tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": name}}))
    refused(tmp_path, "files of the folder itself", name)


def test_a_file_is_what_its_content_says(saved, tmp_path):
    save_file(WEIGHTS, tmp_path / "renamed.pt")
    equal(read_checkpoint(tmp_path / "renamed.pt"))
    equal(read_checkpoint(saved(WEIGHTS, "renamed.safetensors")))


def test_no_length_of_a_header_is_taken_for_a_pickle(tmp_path):
    """128 bytes begin as a pickle does; 0x04034b50 as an archive."""
    path, first = tmp_path / "w.safetensors", set()
    for length in range(40):
        save_file({"w": torch.ones(2, 2), "b": torch.ones(2)}, path, {"note": "x" * 8 * length})
        assert sorted(read_checkpoint(path).weights) == ["b", "w"]
        first.add(path.read_bytes()[0])
    assert 0x80 in first


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn])
def test_other_floats_come_as_they_are(dtype, saved):
    found = read_checkpoint(saved({"w": torch.ones(2, 2).to(dtype)}))
    assert found.weights["w"].dtype is dtype


def test_a_large_float64_is_no_infinity(saved):
    assert read_checkpoint(saved({"w": torch.full((2, 2), 1e200, dtype=torch.float64)})).weights["w"][0, 0] == 1e200


# What does not ------------------------------------------------------------------------------------------------------


class Gadget:
    """Its pickle calls os.system."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


class Evaluated(Gadget):
    def __reduce__(self):
        return eval, (f"__import__('os').system({self.command!r})",)


@pytest.mark.parametrize("gadget", [Gadget, Evaluated])
@pytest.mark.parametrize("place", ["alone", "beside", "within", "in a list"])
@pytest.mark.parametrize("form", ["zip", "old", "pickle 2", "pickle 4", "pickle 5"])
def test_a_checkpoint_that_holds_code_is_refused_and_nothing_of_it_runs(form, place, gadget, tmp_path):
    marker, path = tmp_path / "ran", tmp_path / "model.pt"
    evil = gadget(f"touch {marker}")
    held = {
        "alone": evil, "beside": {"state_dict": dict(WEIGHTS), "x": evil},
        "within": {"state_dict": {**WEIGHTS, "x": evil}}, "in a list": {"a": dict(WEIGHTS), "optimizer": [[evil]]},
    }[place]  # fmt: skip
    if form in ("zip", "old"):
        torch.save(held, path, _use_new_zipfile_serialization=form == "zip")
    else:
        path.write_bytes(pickle.dumps(held, protocol=int(form[-1])))
    said = refused(path, "None of it was run", "safetensors")
    assert ("system" if gadget is Gadget else "eval") in said
    assert not marker.exists()


@pytest.mark.parametrize("how", [{}, {"_use_new_zipfile_serialization": False}], ids=["zip", "old"])
def test_all_code_that_is_named_is_said(how, saved, tmp_path):
    said = refused(saved([Gadget("true"), Evaluated("true")], **how), "None of it was run")
    assert "posix.system" in said
    assert "eval" in said


def test_the_gadget_does_run_where_pickle_reads_it(tmp_path):
    """Else the test above could not fail."""
    pickle.loads(pickle.dumps(Gadget(f"touch {tmp_path / 'ran'}")))
    assert (tmp_path / "ran").exists()


def test_a_whole_module_is_refused_with_the_class_named(saved):
    refused(saved(net()), "torch.nn.modules", "None of it was run")


def test_an_empty_file_a_text_and_a_file_cut_short(saved, tmp_path):
    (tmp_path / "empty.pt").touch()
    refused(tmp_path / "empty.pt", "empty.pt, which is empty")
    (tmp_path / "text.pt").write_text("epoch,loss\n1,0.5\n")
    refused(tmp_path / "text.pt", "which is neither: it begins with b'epoch,loss")
    save_file(WEIGHTS, tmp_path / "whole.safetensors")
    whole = {".safetensors": (tmp_path / "whole.safetensors").read_bytes(), ".pt": saved(WEIGHTS).read_bytes()}
    old = saved(WEIGHTS, "old.pt", _use_new_zipfile_serialization=False).read_bytes()
    for suffix, content in (*whole.items(), (".old", old)):
        for length in (12, 40, len(content) // 2, len(content) - 3):
            (tmp_path / f"cut{suffix}").write_bytes(content[:length])
            refused(tmp_path / f"cut{suffix}", f"cut{suffix}")


def test_flipped_bytes_are_a_refusal_or_other_numbers_never_another_error(saved, tmp_path, rng):
    save_file(WEIGHTS, tmp_path / "whole.safetensors")
    for content in (saved(WEIGHTS).read_bytes(), (tmp_path / "whole.safetensors").read_bytes()):
        for place in rng.integers(0, len(content), 60):
            broken = bytearray(content)
            broken[place] ^= 0xFF
            (tmp_path / "flipped").write_bytes(bytes(broken))
            with contextlib.suppress(InputRefused):
                assert read_checkpoint(tmp_path / "flipped").weights


def test_what_torch_does_not_rebuild_is_said_without_its_advice(saved):
    said = refused(saved({"state_dict": WEIGHTS, "d": collections.defaultdict(list, x=[1])}), "defaultdict")
    assert "weights_only" not in said


def test_a_small_file_that_unfolds_to_gigabytes_is_refused(saved, tmp_path):
    refused(saved({"w": torch.zeros(1).expand(100_000, 10_000)}), "4,000,000,000 bytes that repeat 4", "w")
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(50_000_000))
    refused(tmp_path / "bomb.pt", "unfolds to 50,000,000")


def test_a_small_view_that_repeats_itself_is_no_bomb(saved):
    assert read_checkpoint(saved({"w": torch.ones(1).expand(3, 2)})).weights["w"].shape == (3, 2)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nan_and_infinity_name_the_layer(bad, saved):
    weights = {name: value.clone() for name, value in WEIGHTS.items()}
    weights["2.weight"][0, 1] = bad
    refused(saved(weights), "without NaN or infinity", "1 of 6 in 2.weight")


def test_what_is_no_state_dict_names_what_there_is(saved, tmp_path):
    refused(saved({"epoch": 3, "loss": [0.5]}), "'epoch', 'loss'")
    refused(saved([1, 2]), "a list")
    refused(saved({"a": dict(WEIGHTS), "b": dict(WEIGHTS)}), "'a', 'b'")
    with pytest.raises(InputRefused, match="which holds none"):
        read_checkpoint(saved({"state_dict": {"w": torch.ones(2, dtype=torch.complex64)}}))
    refused(tmp_path, "model.safetensors", "model.pt")


def test_torch_before_the_safe_one_reads_no_pickle(saved, monkeypatch):
    monkeypatch.setattr(checkpoint_file.torch, "__version__", "2.9.1+cpu")
    refused(saved(WEIGHTS), "torch 2.10 or newer", "2.9.1")


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_sparse_quantised_and_nameless_values_are_said(saved):
    found = read_checkpoint(saved({
        "w": torch.ones(2, 2), "s": torch.eye(2).to_sparse(), "_extra_state": None, "epoch": 3,
        "q": torch.quantize_per_tensor(torch.ones(2, 2), 0.5, 0, torch.qint8),
    }))  # fmt: skip
    assert sorted(found.weights) == ["q", "w"]
    assert torch.equal(found.weights["q"], torch.ones(2, 2))
    assert any("s, which is sparse" in note for note in found.notes)
    assert any("quantised: q" in note for note in found.notes)
    assert any("epoch, which is no tensor" in note for note in found.notes)


# Into a module ------------------------------------------------------------------------------------------------------


def test_weights_go_into_the_module_they_are_of():
    target = net(1)
    assert load_into(target, WEIGHTS, "the weights") == []
    assert all(torch.equal(value, WEIGHTS[name]) for name, value in target.state_dict().items())


@pytest.mark.parametrize("change, words", [
    (lambda weights: weights.update({"2.weight": torch.ones(5, 3)}), ("2.weight of shape (5, 3)", "(2, 3)")),
    (lambda weights: weights.pop("2.weight"), ("none called 2.weight",)),
    (lambda weights: weights.update({"head": torch.ones(1)}), ("head, which the model does not have",)),
    (lambda weights: weights.update({"0.weight": torch.ones(3, 4, dtype=torch.int8)}), ("int8: quantised", "0.weight")),
])  # fmt: skip
def test_weights_that_do_not_fit_are_refused_and_the_module_stays(change, words):
    weights, target = dict(WEIGHTS), net(1)
    change(weights)
    with pytest.raises(InputRefused) as told:
        load_into(target, weights, "the weights in x.pt")
    for word in (*words, "the weights in x.pt"):
        assert word in str(told.value)
    assert torch.equal(target[0].weight, net(1)[0].weight)


def test_tied_weights_may_stand_under_one_name():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
            self.head.weight = self.embed.weight

    target = Tied()
    load_into(target, {"embed.weight": torch.ones(5, 3)}, "the weights")
    assert torch.equal(target.head.weight, torch.ones(5, 3))
