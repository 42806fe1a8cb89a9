"""Checkpoint file: the one door through which weights come in from a file that anybody may have written.

safetensors holds tensors alone. A file of `torch.save` is a pickle: torch reads it with `weights_only=True`, which
calls nothing but a fixed list of harmless constructors, and there is no other way to read it, whatever it holds.
"""

from __future__ import annotations

import argparse
import collections
import json
import pickletools
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from byheart.errors import InputRefused, shown
from byheart.learners.weight_names import as_tensor, plain_names

OLDEST = (2, 10)  # of torch: before it a crafted file corrupts memory (CVE-2026-24747)
LARGEST_INDEX = 10_000_000  # bytes of JSON
SLACK = 16_000_000  # bytes that a file may unfold to beyond its size
HOLDERS = ("state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "weights", "params")
SAFE = 'Save the weights alone: safetensors.torch.save_file(model.state_dict(), "model.safetensors").'


@dataclass(frozen=True)
class Checkpoint:
    """The weights of a file.

    Attributes:
        title: name of the file or folder.
        weights: name -> tensor, in the order of the file; wrappers' prefixes are taken off.
        notes: how it was read, a line each.
    """

    title: str
    weights: dict[str, Tensor]
    notes: tuple[str, ...] = ()


def read_checkpoint(path: Path) -> Checkpoint:
    """The weights in a `.safetensors` file, a `.pt`, `.pth`, `.bin` or Lightning `.ckpt` file, or a folder of shards.

    What a file is, its content says, not its name.

    Raises:
        InputRefused: no such file, an empty, damaged or other one, one that holds code, tensors or names that are not
            weights, NaN (the layer is named).
    """
    try:
        found = _folder(path) if path.is_dir() else _file(path)
    except OSError as error:
        raise InputRefused("a checkpoint that can be read", f"{path} ({error.strerror})", "Check the path.") from None
    weights, more = plain_names(found.weights)
    kept: dict[str, Tensor] = {}
    for name, value in weights.items():
        _no_bomb(name, value, path)
        tensor, note = as_tensor(name, value)
        more += [note] if note else []
        if tensor is not None:
            kept[name] = tensor
    if not kept:
        raise InputRefused("a checkpoint with weights", f"{path.name}, which holds none that are numbers", SAFE)
    return replace(found, weights=kept, notes=(*found.notes, *more))


def _file(path: Path) -> Checkpoint:
    with path.open("rb") as stream:
        head = stream.read(16)
    if not head:
        raise InputRefused("a checkpoint", f"{path.name}, which is empty", "Copy or save it again.")
    if head[8:9] == b"{":  # first: the length before it may begin as a pickle does
        return Checkpoint(path.name, _safetensors(path))
    if head.startswith(b"PK\x03\x04") or head[0] == 0x80:
        return _torch_file(path)
    raise InputRefused(
        expected="a .safetensors file, or a .pt, .pth or .ckpt file that torch.save wrote",
        came=f"{path.name}, which is neither: it begins with {shown(head)}",
        do=SAFE,
    )


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return dict(load_file(path))
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise _damaged(path, error) from None


def _folder(path: Path) -> Checkpoint:
    """The weights of a folder as Hugging Face writes it: one safetensors file, or shards that an index names."""
    index, whole = path / "model.safetensors.index.json", path / "model.safetensors"
    if whole.is_file():
        return Checkpoint(f"{path.resolve().name}/", _safetensors(whole))
    if not index.is_file():
        others = sorted(one.name for one in path.iterdir() if one.suffix in {".bin", ".pt", ".safetensors"})
        raise InputRefused(
            expected=f"model.safetensors, or model.safetensors.index.json and its files, in {path}",
            came=", ".join(others[:5]) or "neither",
            do="Name the file itself, or save the model as safetensors: model.save_pretrained(folder).",
        )
    weights: dict[str, Tensor] = {}
    for name in sorted(_shards(index)):
        weights |= _safetensors(path / name)
    return Checkpoint(f"{path.resolve().name}/", weights)


def _shards(index: Path) -> set[str]:
    """The files that an index names, all of them in its own folder."""
    try:
        if index.stat().st_size > LARGEST_INDEX:
            raise ValueError(f"{index.stat().st_size:,} bytes")
        named = set(json.loads(index.read_text())["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(index, error) from None
    if wrong := [one for one in named if not isinstance(one, str) or not re.fullmatch(r"[\w.-]+\.safetensors", one)]:
        raise InputRefused("files of the folder itself in its index", shown(wrong[0]), "Download the folder again.")
    return named


def _torch_file(path: Path) -> Checkpoint:
    """The weights in a file of `torch.save`; nothing that it names is called beyond the harmless ones."""
    if tuple(map(int, torch.__version__.split(".")[:2])) < OLDEST:
        raise InputRefused(
            f"torch {OLDEST[0]}.{OLDEST[1]} or newer to read a pickle safely", torch.__version__, "Update torch."
        )
    with warnings.catch_warnings(), torch.serialization.safe_globals(_harmless()):
        warnings.simplefilter("ignore")
        try:
            _must_not_unfold(path)
            code = _code_in(path)
            with path.open("rb") as stream:  # given a path, torch asks its name what it is
                loaded = None if code else torch.load(stream, map_location="cpu", weights_only=True)
        except InputRefused:
            raise
        except Exception as error:  # a crafted file may raise anything
            named = _globals_of(path) or re.findall(r"GLOBAL ([\w.]+)", str(error))[:1]
            raise _code(path, named) if named else _damaged(path, error) from None
    if code:
        raise _code(path, code)
    weights, note = _state_dict(loaded, path)
    return Checkpoint(path.name, weights, (note,) if note else ())


def _harmless() -> list[Any]:
    """What a checkpoint may name beside torch's own list: settings, counters and numbers of numpy."""
    rebuild, scalar = np.zeros(1).__reduce__()[0], np.float64(0).__reduce__()[0]
    both = [(one, f"numpy.{core}.multiarray.{one.__name__}") for one in (rebuild, scalar) for core in ("core", "_core")]
    dtypes = [type(np.dtype(code)) for code in "?bhilBHILefd"]
    return [argparse.Namespace, collections.defaultdict, int, float, list, dict, np.ndarray, np.dtype, *both, *dtypes]


def _code_in(path: Path) -> list[str]:
    """Names in an archive that are not harmless, read without calling any; of an old file torch's refusal says them."""
    if not zipfile.is_zipfile(path):
        return []
    return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(str(path)))


USUAL = ("torch.", "collections.", "_codecs.", "numpy.", "argparse.Namespace")  # what old files name beside code


def _globals_of(path: Path) -> list[str]:
    """`module.name` of what the pickles at the beginning of a refused old file name beside the usual."""
    return sorted({name for name in _read_names(path) if not name.startswith(USUAL)})


def _read_names(path: Path) -> list[str]:
    found, words = [], ["", ""]
    with path.open("rb") as stream:
        try:
            for _ in range(5):  # magic number, version, system, the object, its storages
                for code, argument, _place in pickletools.genops(stream):
                    if code.name == "GLOBAL":
                        found.append(str(argument).replace(" ", "."))
                    elif code.name == "STACK_GLOBAL":
                        found.append(".".join(words[-2:]))
                    elif isinstance(argument, str):
                        words.append(argument)
        except ValueError:  # where the pickles end, or no pickle: torch says what it is
            return found
    return found


def _must_not_unfold(path: Path) -> None:
    """Refuse an archive whose parts are far larger than itself: torch.save compresses nothing."""
    try:
        with zipfile.ZipFile(path) as archive:
            inside = sum(one.file_size for one in archive.infolist())
    except zipfile.BadZipFile:  # an old file, or a damaged one, of which torch says what it is
        return
    if inside > path.stat().st_size + SLACK:
        raise InputRefused(
            expected="an archive of torch.save, which holds no more bytes than it takes",
            came=f"{path.name} of {path.stat().st_size:,} bytes that unfolds to {inside:,}",
            do=SAFE,
        )


def _no_bomb(name: str, value: Any, path: Path) -> None:
    """Refuse a tensor that shows a small storage again and again: whoever copies it needs the memory of all."""
    if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_meta:
        return
    size, held = value.numel() * value.element_size(), value.untyped_storage().nbytes()
    if size > held + SLACK:
        raise InputRefused(
            expected=f"tensors that hold their own numbers in {path.name}",
            came=f"{name}, {size:,} bytes that repeat {held:,}",
            do=SAFE,
        )


def _state_dict(loaded: Any, path: Path) -> tuple[dict[str, Any], str]:
    """The weights in what was loaded, and which part of it they are."""
    if not isinstance(loaded, Mapping):
        raise InputRefused(f"a state dict in {path.name}", f"a {type(loaded).__name__}", SAFE)
    parts = {str(name): part for name, part in loaded.items()}
    holding = [name for name, part in parts.items() if _holds_tensors(part) and "optim" not in name.lower()]
    named = [name for name in HOLDERS if name in holding]
    if not named and _holds_tensors(loaded):
        return parts, ""
    if not named and len(holding) != 1:
        raise InputRefused(
            expected=f"a state dict in {path.name}, or one under a name such as state_dict or model",
            came=f"the names {', '.join(map(shown, list(parts)[:8]))}" if parts else "nothing",
            do=SAFE,
        )
    name = (named or holding)[0]
    lightning = " of a Lightning checkpoint" if "pytorch-lightning_version" in parts else ""
    others = [one for one in holding if one != name]
    left = f"; left out: {', '.join(others)}" if others else ""
    return {str(key): value for key, value in parts[name].items()}, f"read: its {name}{lightning}{left}"


def _holds_tensors(part: Any) -> bool:
    return isinstance(part, Mapping) and any(isinstance(value, Tensor) for value in part.values())


def _code(path: Path, names: list[str]) -> InputRefused:
    listed = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return InputRefused(
        expected=f"a checkpoint of weights alone in {path.name}",
        came=f"one that names code: {listed}. None of it was run",
        do=f"Where you trust it and it was made: {SAFE[0].lower()}{SAFE[1:]}",
    )


def _damaged(path: Path, error: Exception) -> InputRefused:
    told = str(error).partition("WeightsUnpickler error:")[2].strip() or str(error)  # before it torch's own advice
    said = next(iter(told.splitlines()), "") or type(error).__name__
    return InputRefused("a whole checkpoint", f"{path.name}, which is damaged or of another kind ({said[:160]})", SAFE)
