"""The model that `byheart measure` is asked about: a module, weights alone, a file, a folder, or a Python factory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from byheart.auditing.named_learner import made_by, module_at, name_in
from byheart.errors import InputRefused, UsageError
from byheart.fingerprint.code import contained
from byheart.learners.checkpoint_file import Checkpoint, read_checkpoint
from byheart.learners.huggingface_folder import architecture_of, is_model_folder
from byheart.learners.weight_names import as_tensor, load_into, plain_names
from byheart.maths.recording.module_copy import copied, uncompiled
from byheart.study.parse import must_exist


@dataclass
class MeasuredModel:
    """What is known of a model.

    Attributes:
        title: what it is called.
        module: the network with its weights; None where there are weights alone.
        weights: name -> tensor.
        lacking: why there is no module; empty where there is one.
        notes: how it was read, a line each.
    """

    title: str
    module: nn.Module | None
    weights: Mapping[str, Tensor]
    lacking: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        """How many numbers its weights hold, those that two names share counted once."""
        if self.module is not None:
            return sum(value.numel() for value in self.module.parameters())
        return sum(value.numel() for value in trained(self.weights).values())


BUFFERS = ("running_mean", "running_var", "num_batches_tracked", "position_ids", "inv_freq")


def trained(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights without what training counts beside them, and without second names of the same numbers."""
    found: dict[Any, tuple[str, Tensor]] = {}
    for name, value in weights.items():
        if name.rpartition(".")[2] not in BUFFERS:
            same = (value.data_ptr(), tuple(value.shape)) if value.numel() else name
            found.setdefault(same, (name, value))
    return dict(found.values())


def model_of(model: Any, weights: Any = None) -> MeasuredModel:
    """The model that is given, with the weights of a checkpoint where one is.

    Args:
        model: a torch module, a state dict, the path of a checkpoint or of a folder, or `FILE.py:NAME`, a module or a
            function that makes one.
        weights: a checkpoint or state dict to put into it.

    Raises:
        UsageError: no such file or name; InputRefused: it cannot be read truly.
    """
    found = _named(model) if isinstance(model, str | os.PathLike) else _given(model)
    if weights is None:
        return found
    if found.module is None:
        raise UsageError("a model to put the weights into, such as FILE.py:NAME", found.title, "Leave weights out.")
    checkpoint = weights_of(weights)
    module = copied(found.module)
    more = load_into(module, checkpoint.weights, f"the weights in {checkpoint.title}")
    title = f"{found.title} with {checkpoint.title}"
    return MeasuredModel(title, module, module.state_dict(), notes=[*found.notes, *checkpoint.notes, *more])


def weights_of(given: Any) -> Checkpoint:
    """The weights of a module, a state dict, or the path of a checkpoint.

    Raises:
        UsageError: no such file; InputRefused: it cannot be read truly.
    """
    if isinstance(given, str | os.PathLike):
        path = Path(given)
        if not path.is_dir():
            must_exist(path)
        return read_checkpoint(path)
    if isinstance(given, nn.Module):
        return Checkpoint(type(given).__name__, dict(given.state_dict()))
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise UsageError(
            "a module, a state dict or the path of a checkpoint", type(given).__name__, "Give one of them."
        )
    named, notes = plain_names(given)
    read = {name: as_tensor(name, value) for name, value in named.items()}
    kept = {name: tensor for name, (tensor, _) in read.items() if tensor is not None}
    return Checkpoint("a state dict", kept, (*notes, *(note for _, note in read.values() if note)))


def _given(model: Any) -> MeasuredModel:
    if isinstance(model, nn.Module):
        module = _unwrapped(model)
        return MeasuredModel(type(module).__name__, module, module.state_dict())
    found = weights_of(model)
    return MeasuredModel(found.title, None, found.weights, "a state dict names no architecture", [*found.notes])


def _named(model: Any) -> MeasuredModel:
    """The model behind a path, or a name in a Python file."""
    word, path = os.fspath(model), Path(model)
    if not word:
        raise UsageError("a checkpoint, a folder or FILE.py:NAME", "an empty word", "Name the model.")
    where, sign, name = word.rpartition(":")
    if sign and where and not path.exists():
        return _made(where, name, word)
    if path.suffix == ".py":
        raise UsageError("the name of a model in it, FILE.py:NAME", word, f"For example {path.name}:make.")
    found = weights_of(path)
    if is_model_folder(path):
        module, lacking = architecture_of(path, found.weights)
        return MeasuredModel(found.title, module, found.weights, lacking, [*found.notes])
    lacking = "a checkpoint names no architecture; FILE.py:NAME --weights CHECKPOINT gives it one"
    return MeasuredModel(found.title, None, found.weights, lacking, [*found.notes])


def _made(where: str, name: str, word: str) -> MeasuredModel:
    """The module that a name stands for, or that a function makes."""
    found = name_in(module_at(where), where, name)
    if not isinstance(found, nn.Module):
        if not callable(found):
            raise _no_module(word, f"a {type(found).__name__}")
        try:
            with contained(0):
                found = made_by(found, {}, word)
        except UsageError as error:
            raise InputRefused(f"{word} to make a module", error.came, "Give its arguments defaults.") from None
        except RuntimeError as error:  # it asked for the end of the process
            raise InputRefused(f"{word} to make a module", str(error), "Leave the exit out.") from None
    if not isinstance(found, nn.Module):
        raise _no_module(word, f"a {type(found).__name__} from it")
    module = _unwrapped(found)
    return MeasuredModel(f"{Path(where).name}:{name}", module, module.state_dict())


def _unwrapped(module: nn.Module) -> nn.Module:
    """The network in what compiles it or spreads it over devices.

    Raises:
        InputRefused: weights without values.
    """
    module = uncompiled(module)
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        module = uncompiled(module.module)
    if empty := [name for name, value in module.state_dict().items() if value.is_meta]:
        raise InputRefused("weights with values", f"{empty[0]} on the device meta", "Load the weights first.")
    return module


def _no_module(word: str, came: str) -> InputRefused:
    return InputRefused(f"{word} to be a torch module or a function that makes one", came, "def make(): return Net()")
