"""Lightning: a callback that records the training as a trace.

callback = recording_callback(examples=(x, y))
Trainer(callbacks=[callback], ...).fit(module, callback.loader(loader))
path_credit(callback.trace, (x_test, y_test))
"""

from __future__ import annotations

from typing import Any

from byheart.errors import InputRefused, UsageError
from byheart.integrations.framework_recorder import Listening, Noted, library, note, rows
from byheart.maths.recording.trace import count
from byheart.training.recording import LIMIT_BYTES, recording


def recording_callback(
    examples: tuple[Any, Any],
    loss: Any = "cross-entropy",
    module: str = "",
    every: int | None = None,
    limit_bytes: int = LIMIT_BYTES,
) -> Any:
    """A callback for `lightning.Trainer` that writes a trace of the training.

    After `fit`, its `trace` is a `byheart.maths.recording.trace.Trace`. Wrap the loader with `callback.loader`, so
    that the positions of each batch are known.

    Args:
        examples: (x, y), row for row as the training dataset; the module is called on x.
        loss: per-example loss of (outputs, y) whose mean `training_step` gives.
        module: name of the submodule that is called on x, where it is not the LightningModule itself.
        every: as for `byheart.record`.
        limit_bytes: as for `byheart.record`.

    Raises:
        UsageError: lightning is not installed; the extra is named.
        InputRefused: from within `fit`, what `byheart.record` refuses, more than one optimiser, device or precision.
    """
    pytorch = library("lightning.pytorch", "lightning")

    class RecordingCallback(pytorch.Callback):
        """Opens a recording when training starts, closes it when it ends or fails."""

        trace: Listening | None = None
        noted: Noted | None = None

        def loader(self, loader: Any) -> Any:
            """`loader` itself, its sampler now noting what it gives."""
            self.noted = note(loader, count(examples[0]))
            return loader

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            """Hooks the module and its one optimiser."""
            if self.noted is None:
                raise UsageError(
                    expected="trainer.fit(module, callback.loader(loader))",
                    came="a loader that was not wrapped",
                    do="Positions of examples are not told to Lightning's callbacks otherwise.",
                )
            full = trainer.precision in ("32-true", "64-true")
            if trainer.world_size > 1 or len(trainer.optimizers) != 1 or not full:
                raise InputRefused(
                    expected="one process, one optimiser, full precision",
                    came=f"{trainer.world_size} processes, {len(trainer.optimizers)} optimisers, {trainer.precision}",
                    do="Record a loop of your own with bh.record.",
                )
            inner = pl_module.get_submodule(module)
            self.trace = recording(inner, trainer.optimizers[0], loss, examples, every, limit_bytes, Listening)

        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            """Says which examples the batch is made of."""
            if not self.trace.note:
                self.trace.batch(self.noted.take(rows(batch)))

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            """The weights now are the end of the trace."""
            self.trace.end()

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            """What was recorded until here can be used."""
            if self.trace is not None:
                self.trace.end(note=type(exception).__name__)

    return RecordingCallback()
