"""A state dict without an architecture: layers and BatchNorm by their keys, what needs more refused with the reason."""

import math

import pytest
import torch
from torch import nn

from byheart.errors import InputRefused
from byheart.maths.measures import compute, compute_from_weights, stored_weights


class Pictures(nn.Module):
    """Norms that names alone find: bn1 is listed before conv1, as sorted keys list them."""

    def __init__(self, seed=0):
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(3), nn.BatchNorm2d(4)
        self.conv1, self.conv2 = nn.Conv2d(1, 3, 3, bias=False), nn.Conv2d(3, 4, 3)
        self.tail = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2))
        generator = torch.Generator().manual_seed(seed)
        for value in self.state_dict().values():
            if value.is_floating_point():
                value.uniform_(0.5, 1.5, generator=generator)

    def forward(self, x):
        h = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return self.tail(h.mean((2, 3)))


@pytest.mark.parametrize("arranged", [list, sorted])
def test_as_with_the_architecture(arranged):
    model, start = Pictures().eval(), Pictures(1).eval()
    stored, first = ({key: net.state_dict()[key] for key in arranged(net.state_dict())} for net in (model, start))
    found = compute_from_weights(stored, first)
    known = compute(model, start, names=list(found))
    assert {"param-norm", "dist-spec-init", "params"} <= found.keys()
    assert "inverse-margin" not in found
    for name in set(found) - {"path-norm", "vc-dim"}:
        assert found[name].applicable is known[name].applicable, name
        if found[name].applicable:
            assert found[name].value == pytest.approx(known[name].value, rel=1e-12), name
    evidence = stored_weights(stored)
    assert evidence.coverage == (1.0, ())
    assert [layer.name for layer in evidence.layers] == ["conv1", "conv2", "tail.0", "tail.3"]
    assert "read from the keys" in evidence.notes[0]
    assert "3 BatchNorm folded by their keys" in evidence.notes[1]


def norms_of(blocks, arranged):
    """{norm: the layer that it is folded into} by what folding changes, of blocks of {name: (outputs, inputs) or width}."""
    weights = {}
    for name, shape in blocks.items():
        if isinstance(shape, int):
            weights |= {f"{name}.weight": torch.full((shape,), 2.0), f"{name}.running_mean": torch.zeros(shape)}
            weights[f"{name}.running_var"] = torch.ones(shape)
        else:
            weights[f"{name}.weight"] = torch.ones(*shape, 3, 3)
    evidence = stored_weights({key: weights[key] for key in arranged(weights)})
    return [layer.name for layer in evidence.layers if layer.weight.flatten()[0] > 1.5], evidence.notes[1:]


def test_which_norm_reads_which_layer_is_guessed_only_where_the_keys_tell():
    behind = {"b.conv1": (4, 3), "b.bn1": 4, "b.conv2": (4, 4), "b.bn2": 4}
    assert norms_of(behind, list)[0] == norms_of(behind, sorted)[0] == ["b.conv1", "b.conv2"]
    # a norm before its layer: in the order of the modules the second reads the first layer; sorted, nobody knows
    before = {"a.bn1": 3, "a.conv1": (4, 3), "a.bn2": 4, "a.conv2": (4, 4), "b.bn1": 4, "b.conv1": (4, 4)}
    assert norms_of(before, list)[0] == ["a.conv1"]
    assert "a.bn1, b.bn1" in norms_of(before, list)[1][-1]
    assert norms_of(before, sorted)[0] == []
    assert norms_of({"stem": (4, 4), "after": 4}, list)[0] == ["stem"]  # by its place alone
    # all as wide as one another: names tell nothing
    assert norms_of({"b.conv1": (4, 4), "b.bn1": 4}, sorted)[0] == []
    assert norms_of({"f.0": (4, 4), "f.1": 4}, sorted)[0] == ["f.0"]


def test_what_needs_more_than_weights_says_so():
    found = compute_from_weights(
        {"weight": torch.ones(2, 3)}, names=["path-norm", "inverse-margin", "fro-distance", "vc-dim"]
    )
    assert "architecture is not known" in found["path-norm"].reason
    assert "training examples" in found["inverse-margin"].reason
    assert "initial weights" in found["fro-distance"].reason
    assert found["vc-dim"].value == pytest.approx(math.sqrt(math.log2(18) ** 3 * 6), rel=1e-12)


def test_embeddings_and_what_is_no_layer_are_skipped_by_name():
    weights = {
        "wte.weight": torch.ones(9, 4), "h.0.attn.in_proj_weight": torch.ones(12, 4), "h.0.ln.weight": torch.ones(4),
        "h.0.fc.weight": torch.ones(4, 4), "h.0.fc.bias": torch.ones(4), "h.0.mask": torch.ones(4, 4, dtype=torch.bool),
        "h.0.norm.running_var": torch.ones(7),
    }  # fmt: skip
    evidence = stored_weights(weights | {"head.weight": weights["h.0.fc.weight"]})  # the same numbers under two names
    assert [layer.name for layer in evidence.layers] == ["h.0.fc"]
    assert evidence.coverage.share == pytest.approx(20 / (36 + 48 + 4 + 20))
    assert evidence.coverage.skipped == ("h.0.attn.in_proj_weight", "h.0.ln.weight", "wte.weight")
    assert "stays where it is: h.0.norm" in evidence.notes[-1]


def test_layers_of_sorted_keys_stand_by_number():
    keys = sorted(f"layers.{i}.weight" for i in range(12))
    evidence = stored_weights({key: torch.ones(2, 2) for key in keys})
    assert [layer.name for layer in evidence.layers] == [f"layers.{i}" for i in range(12)]


def test_bad_weights_are_refused_by_key():
    good = {"a.weight": torch.ones(2, 3), "b.weight": torch.ones(2, 2)}
    with pytest.raises(InputRefused, match=r"some in b\.weight"):
        compute_from_weights(good | {"b.weight": torch.full((2, 2), math.nan)})
    with pytest.raises(InputRefused, match=r"a: \(2, 3\)"):
        compute_from_weights(good, good | {"a.weight": torch.ones(3, 3)})
    with pytest.raises(InputRefused, match=r"got none"):
        compute_from_weights(good, {"a.weight": torch.ones(2, 3)})
    with pytest.raises(InputRefused, match="two or more axes"):
        compute_from_weights({"a.bias": torch.ones(3)})
