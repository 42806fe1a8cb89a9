"""Stored weights: the measures of a state dict whose architecture is not known, its layers read from the keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from byheart.errors import InputRefused
from byheart.maths.measures.evidence import Evidence, Measure
from byheart.maths.measures.folding import folded_weights, some
from byheart.maths.measures.front import measures_of
from byheart.maths.measures.layers import Coverage, Inapplicable, Layer, same_layers
from byheart.maths.measures.table import ROWS

EPS = 1e-5  # of BatchNorm, unless somebody changed it: a state dict does not hold it
NOTHING = Coverage(0.0, ())
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
EMBEDDINGS = ("wte", "wpe", "shared")
ORDER = "layers and their order are read from the keys: every .weight of two or more axes, the first its outputs"


@dataclass(frozen=True)
class StoredWeights(Evidence):
    """Weights without an architecture: nothing can be run.

    Attributes:
        final: the layers.
        first: the same at the initial weights.
        covered: what the layers are of all that is stored.
    """

    final: tuple[Layer, ...] = ()
    first: tuple[Layer, ...] | None = None
    covered: Coverage = NOTHING

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """As the keys have them."""
        return self.final

    @cached_property
    def initial_layers(self) -> tuple[Layer, ...]:
        """The same of the initial weights."""
        if self.first is None:
            raise Inapplicable("the initial weights are not known")
        return self.first

    @cached_property
    def coverage(self) -> Coverage:
        """The share of stored numbers that is in layers."""
        return self.covered

    @property
    def network(self) -> nn.Module:
        """There is none."""
        raise Inapplicable("the architecture is not known, only weights are")


def compute_from_weights(
    weights: Mapping[str, Any], initial: Mapping[str, Any] | None = None, names: Sequence[str] | None = None
) -> dict[str, Measure]:
    r"""What do the measures of weights alone say of a state dict?

    As `compute`, for the measures that read no data. Layers, and which BatchNorm belongs to which of them, are read
    from the keys; `stored_weights` gives the evidence with its notes and its coverage.

    Args:
        weights: name -> tensor or array.
        initial: the same before training.
        names: which measures; None is those of weights, and with `initial` those of both.

    Returns:
        A `Measure` by name; one that is asked for by name and needs more does not apply, with the reason.

    Raises:
        InputRefused: no weight of two axes, NaN (the key is named), initial weights of other shapes.

    Cost: singular values of each layer. Fails when: a matrix is no layer (an embedding whose name does not say so), or
    a kernel belongs to a transposed convolution.

    Reference: Jiang et al. 2020, Fantastic generalization measures and where to find them, ICLR, appendix C.

    >>> round(compute_from_weights({"fc.weight": torch.ones(2, 3)})["param-norm"].value, 12)
    6.0
    """
    if names is None:
        known = {"weights", "initial weights"} if initial is not None else {"weights"}
        names = [name for name, row in ROWS.items() if set(row.needs) <= known]
    return measures_of(stored_weights(weights, initial), names)


def stored_weights(weights: Mapping[str, Any], initial: Mapping[str, Any] | None = None) -> StoredWeights:
    """Which layers does a state dict hold?

    Args:
        weights: name -> tensor or array.
        initial: the same before training.

    Returns:
        Evidence for `measures_of`, with its `layers`, `notes` and `coverage`.

    Raises:
        InputRefused: no weight of two axes, NaN (the key is named), initial weights of other shapes.

    Cost: a copy in float64. Fails when: names and order of the keys do not tell which layer a BatchNorm reads; it
    stays, and is named.

    Reference: none; a reading of names.

    >>> stored_weights({"wte.weight": torch.ones(9, 2), "fc.weight": torch.ones(2, 2)}).coverage.skipped
    ('wte.weight',)
    """
    layers, covered, notes = _layers(weights, "the weights")
    if not layers:
        raise InputRefused(
            expected="a state dict with weights of two or more axes", came=f"{len(weights)} entries without any",
            do="Give the state dict of the whole network.",
        )  # fmt: skip
    first = None
    if initial is not None:
        first, _, _ = _layers(initial, "the initial weights")
        same_layers(layers, first)
    return StoredWeights(nn.Identity(), notes=[ORDER, *notes], final=layers, first=first, covered=covered)


def _layers(weights: Mapping[str, Any], noun: str) -> tuple[tuple[Layer, ...], Coverage, list[str]]:
    tensors = _tensors(weights, noun)
    stored = {name: value for name, value in tensors.items() if name.rpartition(".")[2] not in BUFFERS}
    own = [name.rpartition(".")[0] for name, value in stored.items() if _is_layer(name, value)]
    found = {name: Layer(name, tensors[_key(name, "weight")], tensors.get(_key(name, "bias"))) for name in own}
    pairs, left = _norms(tensors, found)
    for norm, name in pairs.items():
        entries = {part: tensors[key] for part in ("weight", "bias", *BUFFERS) if (key := _key(norm, part)) in tensors}
        found[name] = Layer(name, *folded_weights(found[name].weight, found[name].bias, entries, EPS))
    read = {_key(name, part) for name in (*found, *pairs) for part in ("weight", "bias")}
    share = sum(value.numel() for name, value in stored.items() if name in read) / max(
        1, sum(value.numel() for value in stored.values())
    )
    notes = [f"{len(pairs)} BatchNorm folded by their keys, eps {EPS:g} taken for granted"] if pairs else []
    if left:
        notes.append(f"BatchNorm whose layer the keys do not tell stays where it is: {some(left)}")
    return tuple(found.values()), Coverage(share, tuple(sorted(set(stored) - read))), notes


def _tensors(weights: Mapping[str, Any], noun: str) -> dict[str, Tensor]:
    """In float64, the same numbers under two names once; of sorted keys, 2 before 10."""
    names = list(weights)
    if names == sorted(names):
        names.sort(key=_by_words)
    found, seen = {}, set()
    for name in names:
        value = torch.as_tensor(weights[name])
        place = (value.data_ptr(), tuple(value.shape), value.stride())
        if not value.is_floating_point() or (value.numel() > 1 and place in seen):
            continue
        seen.add(place)
        found[name] = value.detach().double()
        if not found[name].isfinite().all():
            raise InputRefused(f"{noun} without NaN or infinity", f"some in {name}", "Train it again or leave it out.")
    return found


def _is_layer(name: str, value: Tensor) -> bool:
    owner, _, last = name.rpartition(".")
    embedding = "emb" in (own := owner.rpartition(".")[2].lower()) or own in EMBEDDINGS
    return last == "weight" and value.dim() >= 2 and not embedding


def _norms(tensors: Mapping[str, Tensor], layers: Mapping[str, Layer]) -> tuple[dict[str, str], list[str]]:
    """Which layer each BatchNorm reads, as far as the keys tell; and those of which they do not."""
    norms = [name.rpartition(".")[0] for name in tensors if name.rpartition(".")[2] == "running_var"]
    sources = (_before(tensors), _by_number(norms), _by_name(norms, tensors, layers))
    pairs: dict[str, str] = {}
    for norm in norms:
        for source in sources:
            name = source.get(norm, "")
            if norm not in pairs and name not in pairs.values() and _fits(norm, name, tensors, layers):
                pairs[norm] = name
    return pairs, [norm for norm in norms if norm not in pairs]


def _before(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Of keys in the order of the modules: the module just before, if both are parts of the same one."""
    if list(tensors) == sorted(tensors, key=_by_words):
        return {}
    owners = list(dict.fromkeys(name.rpartition(".")[0] for name in tensors))
    parent = [name.rpartition(".")[0] for name in owners]
    return {owners[i]: owners[i - 1] for i in range(1, len(owners)) if parent[i] == parent[i - 1]}


def _by_number(norms: Sequence[str]) -> dict[str, str]:
    """4 reads 3, as in a `Sequential`."""
    parts = {norm: norm.rpartition(".") for norm in norms}
    return {norm: f"{up}{dot}{int(own) - 1}" for norm, (up, dot, own) in parts.items() if own.isdigit()}


def _by_name(norms: Sequence[str], tensors: Mapping[str, Tensor], layers: Mapping[str, Layer]) -> dict[str, str]:
    """bn1 reads conv1, unless the widths of any such pair say that it stands before it, or none says anything."""
    found = {}
    for norm in norms:
        up, dot, own = norm.rpartition(".")
        names = [up + dot + re.sub("bn|norm", word, own) for word in ("conv", "fc")]
        if known := [name for name in names if name in layers]:
            found[norm] = known[0]
    behind = [_fits(*pair, tensors, layers) for pair in found.items()]
    told = any(layers[name].weight.shape[0] != layers[name].weight.shape[1] for name in found.values())
    return found if all(behind) and told else {}


def _fits(norm: str, name: str, tensors: Mapping[str, Tensor], layers: Mapping[str, Layer]) -> bool:
    """Has the norm as many channels as the layer has outputs?"""
    return name in layers and layers[name].weight.shape[0] == len(tensors[_key(norm, "running_var")])


def _key(name: str, part: str) -> str:
    return f"{name}.{part}" if name else part


def _by_words(name: str) -> list[tuple[bool, int, str]]:
    """For sorting: 2 before 10."""
    words = re.findall(r"\d+|\D+", name)
    return [(word.isdigit(), int(word) if word.isdigit() else 0, word) for word in words]
