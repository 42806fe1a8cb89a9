"""Recording: the steps of somebody's loop, taken down as they are made."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from byheart.errors import InputRefused, UsageError, shown
from byheart.maths.recording.gradient_sketch import Sketch
from byheart.maths.recording.optimizer_spec import changed
from byheart.maths.recording.trace import Part, Trace
from byheart.training.gradients import compare, factor, refuse_bad
from byheart.training.indexed_loader import numbered
from byheart.training.recording.live import Hook, Live, dense


class Recording(Trace):
    """A trace that is being written. `batch`, `loader` and `clipped` are the loop's to call."""

    def begin(self, model: nn.Module, optimizer: torch.optim.Optimizer, limit_bytes: int, spaced: bool) -> None:
        """Start to listen to `model` and `optimizer`."""
        self.optimizer, self.limit_bytes, self.spaced = optimizer, limit_bytes, spaced
        self.live = Live(model, self.module, self.layout)
        self.pending: list[tuple[Tensor, float]] = []
        self.drawn: list[Tensor | None] = []
        self.raw: dict[str, Tensor] = {}
        self.told: float | None = None
        self.aside = 0  # bytes of ids, sketches and random states, counted as they come
        self.after: Tensor | None = None
        self.momenta: dict[tuple[str, str], tuple[int, int]] = {}
        self.sketch = Sketch(self.layout.size, self.live.flat().device)
        hooks = [
            model.register_forward_pre_hook(Hook(self._enters)),
            model.register_forward_hook(Hook(self._leaves)),
            optimizer.register_step_pre_hook(self._before),
            optimizer.register_step_post_hook(self._done),
        ]
        for name, p in self.live.trained.items():
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
        try:
            ids = torch.as_tensor(indices).detach().cpu().reshape(-1)
        except (TypeError, ValueError, RuntimeError):
            ids, came = torch.zeros(0), shown(indices, 60)
        else:
            came = f"{len(ids)} of {ids.dtype}"
        if ids.dtype.is_floating_point or ids.dtype == torch.bool or not len(ids):
            raise InputRefused(
                expected="indices (b,) of a batch: whole numbers, positions in the examples",
                came=came,
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

    def _trains(self, module: nn.Module) -> bool:
        """Whether a pass is one of training: with gradients, and in training mode where the first steps were."""
        return torch.is_grad_enabled() and not self.note and (module.training or not self.modes.get("", False))

    def _enters(self, module: nn.Module, given: Any) -> None:
        if not self._trains(module):
            return
        if not self.modes or (not self.parts and module.training and not self.modes[""]):
            # what came before in evaluation mode was a look; a loop that never leaves it is trained in it
            self.modes = {name: part.training for name, part in self.live.model.named_modules()}
            self.drawn = []
        self.live.refuse_pass()
        self.state = torch.get_rng_state()

    def _leaves(self, module: nn.Module, given: Any, out: Any) -> None:
        if self._trains(module):
            drew = not torch.equal(self.state, torch.get_rng_state())
            self.drawn.append(self.state if drew else None)

    def _accumulated(self, name: str, p: Tensor) -> None:
        if not self.note:
            self.raw[name] = dense(p.grad).clone()

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
        flat = self.live.flat()
        if self.after is not None and not torch.equal(flat, self.after):
            raise InputRefused(
                expected=f"step {t}: weights as the last step left them",
                came="weights changed in between, outside the optimiser",
                do="Record without weight averaging, clamping or other changes between steps.",
            )
        self.live.refuse_changes(t)
        self._same_constants(t)
        for name, p in self.live.trained.items():
            if p.grad is None or name not in self.raw:
                raise InputRefused(
                    expected=f"step {t}: a gradient for every weight that the optimiser moves",
                    came=f"none for {name}" + ("" if p.requires_grad else ", which was frozen since recording began"),
                    do="Leave weights that the loss does not use, or that stay frozen, out of the optimiser.",
                )
        refuse_bad(self, t, dict(self.live.trained), parts, self.raw)
        parts = self._verified(t, parts)
        self.clip = self._clips(t)
        self.waiting = parts, self.sketch(self.layout.flat(self.raw))
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
            compare(self, t, dict(self.live.trained), parts, self.layout.flat(self.raw))
        return parts

    def _same_constants(self, t: int) -> None:
        names = {id(p): name for name, p in self.live.trained.items()}
        now = [tuple(names[id(p)] for p in group["params"] if id(p) in names) for group in self.optimizer.param_groups]
        if now != [group.names for group in self.recipe.groups]:
            raise InputRefused(
                expected=f"step {t}: the parameter groups of the first step",
                came=f"{len(now)} groups of {sum(map(len, now))} recorded weights, for {len(self.recipe.groups)} of "
                f"{len(names)}: one was added or taken away (add_param_group)",
                do="Make all parameter groups before recording; a rate of 0 keeps one still until it is wanted.",
            )
        for group, given in zip(self.recipe.groups, self.optimizer.param_groups, strict=True):
            if name := changed(group, self.recipe.kind, given):
                raise InputRefused(
                    expected=f"step {t}: {name} as at the first step; only learning rates may change",
                    came=f"another {name} in a parameter group",
                    do="Schedule the learning rate alone (OneCycleLR: cycle_momentum=False).",
                )
        if self._momenta() != self.momenta:
            raise InputRefused(
                expected=f"step {t}: the optimiser's momenta as its last step left them",
                came="other ones",
                do="Load the state of an optimiser, or clear it, before recording begins.",
            )

    def _momenta(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Which tensors the optimiser's momenta are, and how often each was written."""
        written = {}
        for name, p in self.live.trained.items():
            state = self.optimizer.state.get(p, {})
            for key in self.recipe.states:
                if state.get(key) is not None:
                    written[name, key] = id(state[key]), state[key]._version
        return written

    def _clips(self, t: int) -> tuple[float, ...]:
        factors, seen = [], self.live.gradients()
        for position, group in enumerate(self.recipe.groups):
            raw = [self.raw[name] for name in group.names]
            applied = [seen[name] for name in group.names]
            one = factor(raw, applied, f"step {t}, parameter group {position}")
            if self.told is not None and abs(one - self.told) > 1e-3 * max(abs(one), abs(self.told)):
                raise InputRefused(
                    expected=f"step {t}: trace.clipped(factor) with the factor that was applied",
                    came=f"{self.told:.6g}, but gradients were multiplied by {one:.6g}",
                    do="torch's factor is min(1, C / (norm + 1e-6)); or leave clipped out: it is seen.",
                )
            factors.append(one)
        return tuple(factors)

    def _done(self, optimizer: torch.optim.Optimizer, args: tuple, kwargs: dict) -> None:
        if self.note:
            return
        parts, sketch = self.waiting
        self.parts.append(parts)
        self.sketches.append(sketch)
        self.aside += sketch.nbytes + sum(p.ids.nbytes + (0 if p.state is None else p.state.nbytes) for p in parts)
        self.rates.append(tuple(float(group["lr"]) for group in optimizer.param_groups))
        self.clips.append(self.clip)
        self.pending, self.drawn, self.raw, self.told = [], [], {}, None
        self.after, self.momenta = self.live.flat(), self._momenta()

    def _keep(self, t: int, flat: Tensor) -> None:
        states = self.recipe.states if self.spaced else tuple(s for s in self.recipe.states if s == "exp_avg_sq")
        entry = {"weights": flat}
        for name in states:
            state = {key: self.optimizer.state.get(p, {}).get(name) for key, p in self.live.trained.items()}
            entry[name] = self.layout.flat(
                {key: torch.zeros_like(self.live.trained[key]) if s is None else dense(s) for key, s in state.items()}
            )
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
        """Stop listening; the weights as they are now are the end of the trace.

        Where the model is another one by now, the trace says so in `refused`, and nothing is read from it.
        """
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
            if not self.note:
                moved = not torch.equal(self.live.flat(), self.after)
                self.refused = "weights changed after the last step" if moved else self.live.changed(look=True)
                if self.refused:
                    warnings.warn(f"byheart: this recording cannot be read: {self.refused}", stacklevel=3)
        steps = len(self)
        for name in ("parts", "rates", "clips", "sketches"):
            setattr(self, name, getattr(self, name)[:steps])
        for name in ("optimizer", "live", "raw", "hooks", "pending", "drawn", "after", "momenta", "sketch"):
            setattr(self, name, None)
