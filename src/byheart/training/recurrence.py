"""Recurrence: LSTM, GRU and plain cells of m members at once; the loop over time is ours, the members go by bmm.

A cell is one product a step, a = W u of u = (x_t, 1, h_{t-1}), with all its weights and biases side by side, and a few
elementwise formulas; backwards in time the same W gives the derivatives by x and h. Inside `batched`, torch's own
layers compute so, and `torch.func.vmap` hands over the weights of all members: a fleet of any module that holds them.

Shapes: (m, rows, b), the batch last, so that the blocks of a lie side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.ops import aten

State = Sequence[Tensor]  # what goes from step to step, (m, h, b) each: h first
Back = Sequence[Tensor | None]  # the derivative by it beside the products; None is nothing


def _tanh(x: Tensor) -> Tensor:
    """tanh x = 1 - 2 s(-2 x), in place: on CPU the logistic s costs a fifth of tanh, and errs as little beside 1."""
    return x.mul_(-2).sigmoid_().mul_(-2).add_(1) if x.device.type == "cpu" else x.tanh_()


class Plain:
    """h' = tanh a.  da = dh' (1 - h'^2)."""

    blocks, states = 1, 1  # of a, in units of h; tensors of State

    def forward(self, a: Tensor, old: State, new: State) -> None:
        """Activations in place of a, and the new state into `new`."""
        new[0].copy_(_tanh(a))

    def backward(self, a: Tensor, old: State, new: State, g: State) -> tuple[Tensor, Back]:
        """Derivatives by the products a, and by the old state beside the products, from those by the new state."""
        return aten.tanh_backward(g[0], a), (None,)


class Rectified(Plain):
    """h' = max(a, 0).  da = dh' [h' > 0]."""

    def forward(self, a: Tensor, old: State, new: State) -> None:
        """As `Plain`."""
        new[0].copy_(a.clamp_min_(0))

    def backward(self, a: Tensor, old: State, new: State, g: State) -> tuple[Tensor, Back]:
        """As `Plain`."""
        return aten.threshold_backward(g[0], a, 0), (None,)


class Lstm:
    """c' = f c + i n,  h' = o tanh c',  with i, f, o = s(their blocks of a), n = tanh(its block).

    dc' += dh' o (1 - tanh^2 c'),  di = dc' n,  df = dc' c,  dn = dc' i,  do = dh' tanh c',  dc = dc' f.
    """

    blocks, states = 4, 2

    def forward(self, a: Tensor, old: State, new: State) -> None:
        """As `Plain`."""
        i, f, n, o = a.chunk(4, 1)
        a[:, : 2 * n.shape[1]].sigmoid_()
        _tanh(n)
        torch.mul(f, old[1], out=new[1]).addcmul_(i, n)
        torch.mul(o.sigmoid_(), _tanh(new[1].clone()), out=new[0])

    def backward(self, a: Tensor, old: State, new: State, g: State) -> tuple[Tensor, Back]:
        """As `Plain`."""
        i, f, n, o = a.chunk(4, 1)
        squashed = _tanh(new[1].clone())
        dc = g[1] + aten.tanh_backward(g[0] * o, squashed)
        da = torch.empty_like(a)
        di, df, dn, do = da.chunk(4, 1)
        torch.mul(dc, n, out=di)
        torch.mul(dc, old[1], out=df)
        torch.mul(g[0], squashed, out=do)
        aten.sigmoid_backward.grad_input(da, a, grad_input=da)
        aten.tanh_backward.grad_input(dc * i, n, grad_input=dn)
        return da, (None, dc * f)


class Gru:
    """h' = n + z (h - n),  n = tanh(p + r q),  with r, z = s(their blocks of a), p of x alone and q of h alone.

    dn = dh' (1 - z) (1 - n^2) = dp,  dr = dn q,  dq = dn r,  dz = dh' (h - n),  dh = dh' z.
    """

    blocks, states = 4, 1

    def forward(self, a: Tensor, old: State, new: State) -> None:
        """As `Plain`; n stands in place of p."""
        r, z, p, q = a.chunk(4, 1)
        a[:, : 2 * r.shape[1]].sigmoid_()
        n = _tanh(p.addcmul_(r, q))
        torch.lerp(n, old[0], z, out=new[0])

    def backward(self, a: Tensor, old: State, new: State, g: State) -> tuple[Tensor, Back]:
        """As `Plain`."""
        r, z, n, q = a.chunk(4, 1)
        beside = g[0] * z
        dn = aten.tanh_backward(g[0] - beside, n)
        da = torch.empty_like(a)
        dr, dz, dp, dq = da.chunk(4, 1)
        torch.mul(dn, q, out=dr)
        torch.mul(g[0], old[0] - n, out=dz)
        torch.mul(dn, r, out=dq)
        gates = slice(2 * n.shape[1])
        aten.sigmoid_backward.grad_input(da[:, gates], a[:, gates], grad_input=da[:, gates])
        dp.copy_(dn)
        return da, (beside,)


class Scan(torch.autograd.Function):
    """One layer over time: outputs (m, b, t, h), and the last of the last state (m, b, h)."""

    @staticmethod
    def forward(cell: Any, keep: bool, w: Tensor, x: Tensor, *start: Tensor) -> tuple[Tensor, ...]:
        """W (m, blocks h, d + 1 + h), x (m, b, t, d), start (m, b, h) of each state.

        Two more come out for the way back, nothing worth where `keep` is False: u and the further states (t + 1, ...),
        and activations (t, ...).
        """
        (m, b, t, d), h = x.shape, start[0].shape[-1]
        u = x.new_ones(t + 1, m, d + 1 + h, b)
        u[:t, :, :d] = x.permute(2, 0, 3, 1)
        states = [u[:, :, d + 1 :], *(x.new_empty(t + 1, m, h, b) for _ in start[1:])]
        for state, first in zip(states, start, strict=True):
            state[0] = first.transpose(1, 2)
        a = x.new_empty(t if keep else 1, m, w.shape[1], b)
        for s in range(t):
            of = a[s if keep else 0]
            torch.bmm(w, u[s], out=of)
            cell.forward(of, [state[s] for state in states], [state[s + 1] for state in states])
        return states[0][1:].permute(1, 3, 0, 2).contiguous(), states[-1][t].transpose(1, 2).clone(), u, a, *states[1:]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple[Tensor, ...]) -> None:
        """Keep what the way back reads."""
        ctx.cell, ctx.d = inputs[0], inputs[3].shape[-1]
        ctx.mark_non_differentiable(*output[2:])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs[2], *output[2:])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_outputs: Tensor | None, by_end: Tensor | None, *_: Any) -> tuple[Any, ...]:
        """Backwards in time: dW += da u',  (dx, ., dh) = W' da, dh joined by what goes beside the products."""
        w, u, a, *more = ctx.saved_tensors
        states, back, dw = [u[:, :, ctx.d + 1 :], *more], w.transpose(1, 2).contiguous(), torch.zeros_like(w)
        du = torch.empty_like(u[1:])
        g = [torch.zeros_like(state[0]) for state in states]
        if by_end is not None:
            g[-1] = by_end.transpose(1, 2)
        for s in reversed(range(len(a))):
            if by_outputs is not None:
                g[0] = g[0] + by_outputs[:, :, s].transpose(1, 2)
            da, beside = ctx.cell.backward(a[s], [state[s] for state in states], [state[s + 1] for state in states], g)
            dw.baddbmm_(da, u[s].transpose(1, 2))
            by_h = torch.bmm(back, da, out=du[s])[:, ctx.d + 1 :]
            g = [by_h if beside[0] is None else by_h + beside[0], *beside[1:]]
        return None, None, dw, du[:, :, : ctx.d].permute(1, 3, 0, 2), *(one.transpose(1, 2) for one in g)

    @staticmethod
    def vmap(info: Any, in_dims: tuple, cell: Any, keep: bool, *tensors: Tensor) -> tuple[Any, Any]:
        """The axis of `vmap` becomes that of the members."""
        m = info.batch_size
        side = [v.expand(m, *v.shape) if axis is None else v.movedim(axis, 0) for v, axis in zip(tensors, in_dims[2:])]
        out, end, *kept = Scan.apply(cell, keep, *(v.flatten(0, 1) for v in side))
        return (out.unflatten(0, (m, -1)), end.unflatten(0, (m, -1)), *kept), (0, 0, *[None] * len(kept))


CELLS = {nn.LSTM: Lstm, nn.LSTMCell: Lstm, nn.GRU: Gru, nn.GRUCell: Gru, nn.RNN: Plain, nn.RNNCell: Plain}


def recurrent(module: nn.Module) -> list[Any]:
    """The recurrent layers of torch's in it."""
    return [part for part in module.modules() if isinstance(part, nn.RNNBase | nn.RNNCellBase)]


def held(module: nn.Module, steps: int, b: int) -> int:
    """Bytes that the layers of a member keep of b sequences for the way back: activations, u and its derivative."""
    levels = [(part, part.hidden_size) for part in recurrent(module) for _ in range(getattr(part, "num_layers", 1))]
    return sum(4 * b * steps * (h * CELLS[type(part)].blocks + 2 * (part.input_size + 2 * h)) for part, h in levels)


def reason_against(layer: nn.Module) -> str:
    """Why `batched` cannot stand in for a recurrent layer of torch's; empty where it can, and for other layers."""
    if not isinstance(layer, nn.RNNBase | nn.RNNCellBase):
        return ""
    if type(layer) not in CELLS or "forward" in vars(layer):
        return "has a forward pass of its own"
    if getattr(layer, "bidirectional", False) or getattr(layer, "proj_size", 0):
        return "reads both ways" if layer.bidirectional else "projects its state"
    return "draws its own noise" if getattr(layer, "dropout", 0) and layer.num_layers > 1 else ""


@contextmanager
def batched(module: nn.Module) -> Iterator[None]:
    """Let the recurrent layers of `module` compute by `Scan`."""
    layers = [part for part in recurrent(module) if type(part) in CELLS]
    for layer in layers:
        layer.forward = partial(_layer if isinstance(layer, nn.RNNBase) else _step, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _layer(layer: nn.RNNBase, x: Tensor, start: Any = None) -> tuple[Tensor, Any]:
    """What `layer` gives for x and the states that it starts from: outputs, and the last states of its levels."""
    if not isinstance(x, Tensor):
        raise TypeError("packed sequences are of a length each, and members go step by step")
    single, first = x.dim() == 2, 0 if layer.batch_first else 1
    x = (x.unsqueeze(first) if single else x).transpose(0, first)
    start = None if start is None else [state.unsqueeze(1) if single else state for state in _several(start)]
    ends = []
    for level in range(layer.num_layers):
        x, last = _scanned(layer, f"_l{level}", x, start and [state[level] for state in start])
        ends.append(last)
    x = x.transpose(0, first)
    last = [torch.stack(states) for states in zip(*ends, strict=True)]
    if single:
        x, last = x.squeeze(first), [state.squeeze(1) for state in last]
    return x, _as_given(last)


def _step(cell: nn.RNNCellBase, x: Tensor, start: Any = None) -> Any:
    """What a cell gives for x (b, d) or (d,) and the state before it: the state after it."""
    single, start = x.dim() == 1, None if start is None else _several(start)
    if single:
        x, start = x[None], start and [state[None] for state in start]
    _, last = _scanned(cell, "", x[:, None], start)
    return _as_given([state[0] for state in last] if single else last)


def _several(state: Any) -> Sequence[Tensor]:
    return [state] if isinstance(state, Tensor) else state


def _as_given(states: Sequence[Tensor]) -> Any:
    return tuple(states) if len(states) > 1 else states[0]


def _scanned(layer: Any, name: str, x: Tensor, start: Sequence[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
    """Outputs (b, t, h) of one level for x (b, t, d), and its last states (b, h)."""
    rectified = getattr(layer, "nonlinearity", "tanh") == "relu"
    cell = Rectified() if rectified else CELLS[type(layer)]()
    start = start or [x.new_zeros(len(x), layer.hidden_size)] * cell.states
    given = [v[None] for v in (_weights(layer, name), x, *start)]  # one member, unless `vmap` knows more
    out, end, *_ = Scan.apply(cell, torch.is_grad_enabled(), *given)
    return out[0], [out[0, :, -1], end[0]][: cell.states]


def _weights(layer: Any, name: str) -> Tensor:
    """W of one level: weights by x, biases, weights by h; of GRU the last rows once for x and once for h."""
    by_x, by_h = (getattr(layer, f"weight_{which}{name}") for which in ("ih", "hh"))
    zeros = torch.zeros_like(by_h[:, :1])
    first, second = (getattr(layer, f"bias_{w}{name}").unsqueeze(1) if layer.bias else zeros for w in ("ih", "hh"))
    whole = torch.cat([by_x, first + second, by_h], 1)
    if CELLS[type(layer)] is not Gru:
        return whole
    new = slice(2 * layer.hidden_size, None)
    of_x = torch.cat([by_x[new], first[new], torch.zeros_like(by_h[new])], 1)
    of_h = torch.cat([torch.zeros_like(by_x[new]), second[new], by_h[new]], 1)
    return torch.cat([whole[: new.start], of_x, of_h])
