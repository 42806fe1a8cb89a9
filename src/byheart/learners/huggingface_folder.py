"""Hugging Face folder: the architecture that its config.json names, of transformers' own classes, never of its code."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from byheart.errors import InputRefused, shown
from byheart.fingerprint.code import contained

LARGEST = 10_000_000  # bytes of config.json


def is_model_folder(path: Path) -> bool:
    """Whether it is a folder with a config.json."""
    return path.is_dir() and (path / "config.json").is_file()


def architecture_of(folder: Path, weights: Mapping[str, Tensor]) -> tuple[nn.Module | None, str]:
    """The model of a folder with its weights, or None and why there is none; nothing of the folder is run.

    Raises:
        InputRefused: a config.json that is no description of a model.
    """
    config = _config(folder)
    named = config.get("architectures") or []
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise InputRefused("architectures in config.json as a list of names", shown(named, 60), "Save the model again.")
    if config.get("auto_map"):
        return None, "its architecture is code in the folder, which is not run"
    if not named:
        return None, "its config.json names no architecture"
    try:
        import transformers
    except ImportError:
        return None, 'transformers is not installed (pip install "byheart[hf]")'
    cls = getattr(transformers, named[0], None) if named[0].isidentifier() else None
    if not isinstance(cls, type) or not issubclass(cls, transformers.PreTrainedModel):
        return None, f"{shown(named[0], 60)} is no model of transformers {transformers.__version__}"
    try:
        settings = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with contained(0), _quiet(transformers):  # the weights are given: it reads no file of them
            module, told = cls.from_pretrained(
                None, config=settings, state_dict=dict(weights), output_loading_info=True, dtype="float32"
            )
    except Exception as error:  # whatever transformers makes of such a config, or weights that do not fit it
        said = next(iter(str(error).splitlines()), "")
        return None, f"{named[0]} cannot be made of its config.json and weights ({type(error).__name__}: {said[:200]})"
    for what in ("missing", "unexpected", "mismatched"):
        if names := sorted(map(str, told[f"{what}_keys"])):
            return None, f"{len(names)} weights of {named[0]} are {what}, the first {names[0]}"
    return module.eval(), ""


@contextlib.contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Its bars and reports off: what does not fit is said by us."""
    logging = transformers.utils.logging
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    try:
        logging.set_verbosity(logging.CRITICAL)
        logging.disable_progress_bar()
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"{path.stat().st_size:,} bytes")
        found = json.loads(path.read_text())
        if not isinstance(found, dict):
            raise ValueError(f"a {type(found).__name__}")
    except (OSError, ValueError, RecursionError) as error:
        raise InputRefused(
            "a config.json that describes a model", f"{type(error).__name__}: {str(error)[:120]}", "Download it again."
        ) from None
    return found
