"""Hugging Face: a `Trainer` callback that records the training as a trace.

callback = recording_callback(examples=({"input_ids": ids, "attention_mask": mask}, labels))
Trainer(model, args, train_dataset=dataset, callbacks=[callback]).train()
path_credit(callback.trace, (x_test, y_test))
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from byheart.errors import InputRefused
from byheart.integrations.framework_recorder import Listening, library, note, rows
from byheart.training.recording import LIMIT_BYTES, recording
from byheart.training.recording.live import Hook


def next_token(logits: Tensor, ids: Tensor) -> Tensor:
    """Mean loss (b,) in nats of each next token of ids (b, t), as causal models are trained; -100 is not counted.

    The `Trainer`'s batch loss is the mean of it where sequences count equally many tokens.

    Example:
        >>> import torch
        >>> next_token(torch.zeros(1, 3, 2), torch.tensor([[0, 1, 0]])).exp()
        tensor([2.])
    """
    told = ids[:, 1:]
    loss = F.cross_entropy(logits[:, :-1].transpose(1, 2), told, reduction="none")
    return loss.sum(1) / (told != -100).sum(1).clamp_min(1)


def recording_callback(
    examples: tuple[Any, Any], loss: Any = "cross-entropy", every: int | None = None, limit_bytes: int = LIMIT_BYTES
) -> Any:
    """A callback for `transformers.Trainer` that writes a trace of the training.

    After `train()`, its `trace` is a `byheart.maths.recording.trace.Trace`. The `Trainer` tells callbacks nothing of a
    failure: after one, `callback.trace.end("why")` closes the usable part.

    Args:
        examples: (x, y): the inputs the model is called on by name (a dict of tensors (n, ...), as the collator gives
            them, labels left out), and the targets (n, ...); row for row as the training dataset.
        loss: per-example loss of (logits, y) whose mean is the batch loss: `"cross-entropy"` for sequence
            classification, `next_token` for causal models.
        every: as for `byheart.record`.
        limit_bytes: as for `byheart.record`.

    Raises:
        UsageError: transformers is not installed; the extra is named.
        InputRefused: from within `train()`, what `byheart.record` refuses, more than one process, mixed precision.
    """
    transformers = library("transformers", "hf")

    class RecordingCallback(transformers.TrainerCallback):
        """Opens a recording when training begins, closes it when it ends."""

        trace: Listening | None = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            """Hooks the model, the torch optimiser inside accelerate's, and the sampler."""
            if args.world_size > 1 or args.fp16 or args.bf16 or state.global_step:
                raise InputRefused(
                    expected="one process, full precision, from the first step",
                    came=f"{args.world_size} processes, fp16={args.fp16}, bf16={args.bf16}, step {state.global_step}",
                    do="Set fp16=False, bf16=False, start anew, or record a loop of your own with bh.record.",
                )
            optimizer, model = given["optimizer"], given["model"]
            optimizer = getattr(optimizer, "optimizer", optimizer)
            self.trace = recording(model, optimizer, loss, examples, every, limit_bytes, Listening)
            noted = note(given["train_dataloader"], self.trace.n)
            trace = self.trace

            def tell(module: Any, called_with: tuple, named: dict) -> None:
                if module.training and not trace.note:
                    trace.batch(noted.take(rows(named or called_with)))

            trace.hooks.append(model.register_forward_pre_hook(Hook(tell), with_kwargs=True))

        def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            """The weights now are the end of the trace."""
            self.trace.end()

    return RecordingCallback()
