"""Recording: the steps of somebody's loop, taken down as they are made."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from byheart.errors import InputRefused, UsageError
from byheart.learners.gradients import compare, factor, refuse_bad, refuse_batch_statistics
from byheart.learners.numbered import numbered
from byheart.maths.recipe import changed
from byheart.maths.trace import Part, Trace


class Recording(Trace):
    """A trace that is being written. `batch`, `loader` and `clipped` are the loop's to call."""

    def begin(self, model: nn.Module, optimizer: torch.optim.Optimizer, limit_bytes: int, spaced: bool) -> None:
        """Start to listen to `model` and `optimizer`."""
        self.model, self.optimizer, self.limit_bytes, self.spaced = model, optimizer, limit_bytes, spaced
        self.pending: list[tuple[Tensor, float]] = []
        self.drawn: list[Tensor | None] = []
        self.raw: dict[str, Tensor] = {}
        self.told: float | None = None
        self.aside = 0  # bytes of ids and random states, counted as they come
        self.after: Tensor | None = None
        self.live = {name: p for name, p in model.named_parameters() if name in self.layout.slices}
        hooks = [
            model.register_forward_pre_hook(self._enters),
            model.register_forward_hook(self._leaves),
            optimizer.register_step_pre_hook(self._before),
            optimizer.register_step_post_hook(self._done),
        ]
        for name, p in self.live.items():
            hooks.append(p.register_post_accumulate_grad_hook(lambda p, name=name: self._accumulated(name, p)))
        self.hooks = hooks

    def batch(self, indices: Any, share: float = 1.0) -> None:
        """Say which examples the coming (or just taken) forward pass is about.

        Args:
            indices: positions (b,) in the examples given to `record`; each one as often as it is in the batch.
            share: what the loop multiplies the mean loss of these examples by: 1 / k where k passes make a step,
                b where losses are summed.

        Raises:
            InputRefused: not whole numbers, none, or out of range.
        """
        ids = torch.as_tensor(indices).detach().cpu().reshape(-1)
        if ids.dtype.is_floating_point or ids.dtype == torch.bool or not len(ids):
            raise InputRefused(
                expected="indices (b,) of a batch: whole numbers, positions in the examples",
                came=f"{len(ids)} of {ids.dtype}",
                do="Pass what x was indexed with; of a mask, its nonzero().",
            )
        ids = ids.to(torch.int64).clone()
        if int(ids.min()) < 0 or int(ids.max()) >= self.n:
            bad = int(ids[(ids < 0) | (ids >= self.n)][0])
            raise InputRefused(
                expected=f"indices from 0 to {self.n - 1}, positions in the {self.n} examples",
                came=str(bad),
                do="Count from 0 in the examples given to record, not in a subset of them.",
            )
        self.pending.append((ids, float(share)))

    def clipped(self, factor: float) -> None:
        """Say by what the gradient of the coming step was multiplied; else it is seen by comparing."""
        self.told = float(factor)

    def loader(self, loader: Any) -> Iterator[Any]:
        """The batches of a DataLoader over the examples (same order), each told to `batch` as it comes."""
        for ids, batch in numbered(loader, self.n):
            self.batch(ids)
            yield batch

    def _enters(self, module: nn.Module, given: Any) -> None:
        if not module.training or not torch.is_grad_enabled() or self.note:
            return
        if not self.modes:
            self.modes.update({name: part.training for name, part in module.named_modules()})
            for name, part in module.named_modules():
                refuse_batch_statistics(name, part)
        self.state = torch.get_rng_state()

    def _leaves(self, module: nn.Module, given: Any, out: Any) -> None:
        if module.training and torch.is_grad_enabled() and not self.note:
            drew = not torch.equal(self.state, torch.get_rng_state())
            self.drawn.append(self.state if drew else None)

    def _accumulated(self, name: str, p: Tensor) -> None:
        if not self.note:
            self.raw[name] = p.grad.detach().clone()

    def _before(self, optimizer: torch.optim.Optimizer, args: tuple, kwargs: dict) -> tuple[tuple, dict] | None:
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if closure is None:
            self._look()
            return None

        def watched() -> Any:  # the gradients exist once the closure has run
            result = closure()
            with torch.no_grad():
                self._look()
            return result

        return (args[0], watched), {name: value for name, value in kwargs.items() if name != "closure"}

    def _look(self) -> None:
        """Take down everything about the step that is about to be made."""
        if self.note:
            return
        t = len(self.parts)
        parts = self._parts(t)
        flat = self.layout.flat(self.live)
        if self.after is not None and not torch.equal(flat, self.after):
            raise InputRefused(
                expected=f"step {t}: weights as the last step left them",
                came="weights changed in between, outside the optimiser",
                do="Record without weight averaging, clamping or other changes between steps.",
            )
        self._same_constants(t)
        missing = [name for name, p in self.live.items() if p.grad is None or name not in self.raw]
        if missing:
            raise InputRefused(
                expected=f"step {t}: a gradient for every weight that the optimiser moves",
                came=f"none for {missing[0]}",
                do="Leave weights that the loss does not use out of the optimiser.",
            )
        refuse_bad(self, t, dict(self.live), parts, self.raw)
        parts = self._verified(t, parts)
        self.clip = self._clips(t)
        self.waiting = parts
        if t % self.every == 0:
            self._keep(t, flat)

    def _parts(self, t: int) -> tuple[Part, ...]:
        if not self.pending:
            raise UsageError(
                expected=f"trace.batch(indices) before step {t}",
                came="a step of a batch that is not known",
                do="Call trace.batch with the positions of the examples, once a backward().",
            )
        states = self.drawn
        if any(state is not None for state in states) and len(states) != len(self.pending):
            raise UsageError(
                expected=f"step {t}: one trace.batch a forward pass, since the model draws noise",
                came=f"{len(states)} passes and {len(self.pending)} batches",
                do="Look at other data in evaluation mode or under no_grad.",
            )
        if len(states) != len(self.pending):
            states = [None] * len(self.pending)
        return tuple(Part(ids, share, state) for (ids, share), state in zip(self.pending, states, strict=True))

    def _verified(self, t: int, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """The parts, after the loss was held against the gradient at steps 0, 1, 2, 4, ...: a few passes in all."""
        if t & (t - 1) == 0:
            compare(self, t, dict(self.live), parts, self.layout.flat(self.raw))
        return parts

    def _same_constants(self, t: int) -> None:
        for group, given in zip(self.recipe.groups, self.optimizer.param_groups, strict=True):
            if name := changed(group, self.recipe.kind, given):
                raise InputRefused(
                    expected=f"step {t}: {name} as at the first step; only learning rates may change",
                    came=f"another {name} in a parameter group",
                    do="Schedule the learning rate alone (OneCycleLR: cycle_momentum=False).",
                )

    def _clips(self, t: int) -> tuple[float, ...]:
        found = []
        for position, group in enumerate(self.recipe.groups):
            raw = [self.raw[name] for name in group.names]
            applied = [self.live[name].grad.detach() for name in group.names]
            one = factor(raw, applied, f"step {t}, parameter group {position}")
            if self.told is not None and abs(one - self.told) > 1e-3 * max(abs(one), abs(self.told)):
                raise InputRefused(
                    expected=f"step {t}: trace.clipped(factor) with the factor that was applied",
                    came=f"{self.told:.6g}, but gradients were multiplied by {one:.6g}",
                    do="torch's factor is min(1, C / (norm + 1e-6)); or leave clipped out: it is seen.",
                )
            found.append(one)
        return tuple(found)

    def _done(self, optimizer: torch.optim.Optimizer, args: tuple, kwargs: dict) -> None:
        if self.note:
            return
        self.parts.append(self.waiting)
        self.aside += sum(p.ids.nbytes + (0 if p.state is None else p.state.nbytes) for p in self.waiting)
        self.rates.append(tuple(float(group["lr"]) for group in optimizer.param_groups))
        self.clips.append(self.clip)
        self.pending, self.drawn, self.raw, self.told = [], [], {}, None
        self.after = self.layout.flat(self.live)

    def _keep(self, t: int, flat: Tensor) -> None:
        states = self.recipe.states if self.spaced else tuple(s for s in self.recipe.states if s == "exp_avg_sq")
        entry = {"weights": flat}
        for name in states:
            state = {key: self.optimizer.state.get(p, {}).get(name) for key, p in self.live.items()}
            state = {key: torch.zeros_like(self.live[key]) if s is None else s for key, s in state.items()}
            entry[name] = self.layout.flat(state)
        self.kept[t] = entry
        if self.spaced:
            self._thin(t, sum(v.numel() * v.element_size() for v in entry.values()))

    def _thin(self, t: int, entry_bytes: int) -> None:
        """Keep every other of the kept weights when they take more than allowed."""
        segment = lambda every: 0 if every == 1 else (every + 1) * entry_bytes  # noqa: E731
        while len(self.kept) * entry_bytes + self.aside + segment(self.every) > self.limit_bytes:
            if segment(2 * self.every) > self.limit_bytes / 2 or len(self.kept) < 3:
                self.note = (
                    f"more than the {self.limit_bytes / 1e6:.0f} MB allowed would be needed: "
                    f"the first {t} steps are recorded"
                )
                warnings.warn(f"byheart: {self.note}", stacklevel=2)
                return
            self.every *= 2
            self.kept = {step: entry for step, entry in self.kept.items() if step % self.every == 0}

    def end(self, note: str = "") -> None:
        """Stop listening; the weights as they are now are the end of the trace."""
        if self.hooks is None:
            return
        for hook in self.hooks:
            hook.remove()
        t = len(self.parts)
        if not self.note and self.after is not None:
            self.spaced, spaced = False, self.spaced
            self._keep(t, self.after)
            self.spaced = spaced
            self.note = note and f"cut short: {t} steps were recorded before {note}"
        steps = len(self)
        self.parts, self.rates, self.clips = self.parts[:steps], self.rates[:steps], self.clips[:steps]
        for name in ("model", "optimizer", "live", "raw", "hooks", "pending", "drawn", "after"):
            setattr(self, name, None)
