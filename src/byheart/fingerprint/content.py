"""Content: arrays, tensors and torch modules, byte by byte."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from byheart.fingerprint.bytecode_names import EXACT, local_class, plain
from byheart.fingerprint.digest import Digest, Unkeyable
from byheart.fingerprint.sources import contained

ARRAYS = (np.ndarray, np.memmap, np.matrix, np.recarray, np.ma.MaskedArray)


class Content(Digest):
    """Takes in numbers that lie in memory, and what hangs on them."""

    def built(self, factory: Callable[[], Any]) -> None:
        """Take in what the factory builds at seed 0."""
        import torch

        try:
            given = {"seed": 0, "generator": torch.Generator().manual_seed(0)}
            asked = given.keys() & inspect.signature(factory).parameters.keys()
            with contained(0):
                module = factory(**{name: given[name] for name in asked})
        except Exception as error:
            raise Unkeyable(f"it could not be built: {error}") from None
        if not isinstance(module, torch.nn.Module):
            raise Unkeyable(f"it gives a {type(module).__name__}, not a torch module")
        self._weights(module, what="the module", strict=False)

    def _array(self, value: np.ndarray, what: str) -> None:
        kind = type(value)
        if kind not in ARRAYS and not local_class(kind):
            raise Unkeyable(f"{what} is a {kind.__module__}.{kind.__qualname__}, which cannot be read")
        if kind is not np.ndarray:
            self.value(kind, what)
        if isinstance(value, np.ma.MaskedArray):
            masked = [np.asarray(value.data), np.ma.getmaskarray(value), np.asarray(value.fill_value)]
            self._items([*masked, bool(value.hardmask)], what, "masked")
        plain = np.asarray(value)
        if plain.dtype.hasobject:
            self._items([plain.shape, *plain.ravel().tolist()], what, "objects")
        else:
            self.put("array", f"{plain.dtype.str} {plain.dtype} {plain.shape}")
            self.put("bytes", np.ascontiguousarray(plain).tobytes())
        if local_class(kind):
            self._fields(value, what)

    def _tensor(self, value: Any, what: str) -> None:
        torch = sys.modules["torch"]
        kind = type(value)
        own = {torch.Tensor, torch.nn.Parameter, torch.nn.Buffer} if hasattr(torch.nn, "Buffer") else {
            torch.Tensor, torch.nn.Parameter}  # fmt: skip
        if kind not in own:
            if not local_class(kind):
                raise Unkeyable(f"{what} is a {kind.__module__}.{kind.__qualname__}, which cannot be read")
            self.value(kind, what)
        if value.layout is not torch.strided or value.is_quantized or value.device.type == "meta":
            raise Unkeyable(f"{what} is a tensor that is sparse, quantised or without content")
        if value._backward_hooks:
            raise Unkeyable(f"{what} is a tensor with hooks")
        self.put("tensor", f"{value.dtype} {tuple(value.shape)} {value.requires_grad}")
        plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
        sized = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.complex128}
        plain = plain.reshape(-1)
        plain = plain if plain.dtype is torch.bool else plain.view(sized[plain.element_size()])
        self.put("bytes", plain.numpy().tobytes())
        self._fields(value, what)

    def _weights(self, module: Any, what: str, strict: bool) -> None:
        """A torch module: what it says of itself, its weights, and hooks and attributes of every part.

        Without `strict` (it was built just now from code that is in the digest) attributes that are not plain are
        left out.
        """
        said = repr(module)
        if " at 0x" in said:
            raise Unkeyable("the repr of the module names an address in memory")
        self.put("repr", said)
        for name, part in module.named_modules():
            self.put("part", name)
            if strict:
                self.value(type(part), what)
            else:
                self.put("kind", type(part).__qualname__)
            for field, held in sorted(vars(part).items()):
                if field in {"_parameters", "_buffers", "_modules"}:
                    continue
                if "_hooks" in field and isinstance(held, dict):
                    held = list(held.values())  # their keys are numbers that count up
                if strict or plain(held):
                    self.put("field", field)
                    self._loose(held, f"{what}.{name}.{field}".replace("..", "."))
        for name, tensor in [*module.named_parameters(), *module.named_buffers(), *module.state_dict().items()]:
            self.put("weight", name)
            self.value(tensor, f"{what}.{name}")

    def _loose(self, value: Any, what: str) -> None:
        if isinstance(value, set) and all(type(item) in EXACT for item in value):
            return self._items(sorted(value, key=repr), what, "set")
        return self.value(value, what)
