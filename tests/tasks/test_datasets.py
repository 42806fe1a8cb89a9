"""Datasets and loaders read into arrays: what is read, what is said, and what is refused by name."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from byheart.auditing.given import arrays_from, collected, with_batch_of
from byheart.errors import InputRefused
from byheart.learners.torch_module import FromFactory
from byheart.tasks.containers import Container
from byheart.tasks.free_memory import free_bytes, room_for

N = 60
X = torch.randn(N, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(N) % 2


class Items(Dataset):
    """What `make(i)` gives at i."""

    def __init__(self, make, n=N):
        self.make, self.n = make, n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if not 0 <= i < self.n:
            raise IndexError(i)
        return self.make(i)


def silent(line):
    pass


def read(value):
    return collected(value, None, say=silent)[0]


READ = {
    "tensors": (TensorDataset(X, Y), X, Y),
    "a subset": (Subset(TensorDataset(X, Y), range(9, N)), X[9:], Y[9:]),
    "two, one after the other": (ConcatDataset([TensorDataset(X, Y)] * 2), torch.cat([X, X]), torch.cat([Y, Y])),
    "whole numbers beside tensors": (Items(lambda i: (X[i], i % 2)), X, Y),
    "fractions beside tensors": (Items(lambda i: (X[i], i / 2)), X, torch.arange(N) / 2),
    "bfloat16": (TensorDataset(X.bfloat16(), Y), X.bfloat16(), Y),
    "a dictionary": (Items(lambda i: {"pixel_values": X[i], "labels": Y[i]}), X, Y),
    "one-hot labels": (Items(lambda i: (X[i], torch.eye(2)[i % 2])), X, torch.eye(2)[Y]),
}


@pytest.mark.parametrize("case", READ)
def test_tensors_are_read_as_tensors_of_their_type(case, untouched):
    dataset, x, y = READ[case]
    found = read(dataset)
    assert found.x.dtype == x.dtype
    assert torch.equal(found.x, x)
    assert torch.equal(torch.as_tensor(found.y).to(y.dtype), y)
    kept = arrays_from(found, None, {}).draw(0).train.containers
    assert kept["x"] == Container.of(x, x.float().numpy())
    assert kept["y"].kind == "tensor"


def test_arrays_and_pictures_and_numbers():
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (N, 8, 7, 3), dtype=np.uint8)
    for make in (
        lambda i: (Image.fromarray(pixels[i]), i % 2),
        lambda i: (pixels[i], i % 2),
        lambda i: (pixels[i].tolist(), i % 2),
    ):
        found = read(Items(make))
        assert isinstance(found.x, np.ndarray)
        assert np.array_equal(found.x, pixels)
        assert found.y == [i % 2 for i in range(N)]
    grey = read(Items(lambda i: (Image.fromarray(pixels[i, :, :, 0]), i % 2)))
    assert np.array_equal(grey.x, pixels[..., 0])


def test_several_inputs_are_a_dictionary_and_an_id_is_a_name():
    found = read(Items(lambda i: {"a": X[i], "b": i, "label": "no" if i % 2 else "yes", "id": f"row {i}"}))
    assert list(found.x) == ["a", "b"]
    assert read(Items(lambda i: {"x": X[i], "label": i % 2, "idx": torch.tensor(i)})).names[7] == "7"
    data = arrays_from(found, None, {}).draw(0)
    assert data.output.classes == ("no", "yes")
    assert arrays_from(found, None, {}).names()["train"][:2] == ["row 0", "row 1"]
    assert torch.equal(torch.as_tensor(data.train.given("x")["a"]), X[data.train.ids])


def test_the_names_of_classes_are_those_of_the_dataset_and_their_numbers_stay():
    dataset = Items(lambda i: (X[i], i % 3))
    dataset.classes = ["zebra", "cat", "dog"]
    data = arrays_from(read(dataset), None, {}).draw(0)
    assert data.output.classes == ("zebra", "cat", "dog")
    assert np.array_equal(data.train.y, data.train.ids % 3)


def test_a_class_of_the_users_needs_no_torch_base():
    class Plain:
        def __len__(self):
            return N

        def __getitem__(self, i):
            return X[i].tolist(), i % 2

    assert np.allclose(read(Plain()).x, X)


def test_a_loader_gives_its_batch_size_to_the_users_module_and_its_order_to_nobody():
    found = read(DataLoader(TensorDataset(X, Y), batch_size=7, shuffle=True, drop_last=True, num_workers=2))
    assert torch.equal(found.x, X)
    assert with_batch_of(found, FromFactory.of(lambda: torch.nn.Linear(4, 2))).batch == 7
    assert found.notes == ("from a DataLoader: order, workers and drop_last are those of byheart's own loop",)


def test_a_sampler_of_a_part_gives_that_part():
    found = read(DataLoader(TensorDataset(X, Y), sampler=SubsetRandomSampler([5, 3, 40])))
    assert torch.equal(found.x, X[[3, 5, 40]])
    assert "3 of 60 items" in found.notes[1]


def stacked(items):
    return torch.stack([x * 2 for x, _ in items]), torch.tensor([y for _, y in items])


def test_a_collate_of_ones_own_makes_what_is_read():
    found = read(DataLoader(TensorDataset(X, Y), batch_size=7, collate_fn=stacked))
    assert torch.equal(found.x, 2 * X)
    assert torch.equal(found.y, Y)


def popped(items):
    y = [one.pop("label") for one in items]
    return {
        "x": torch.stack([one["x"] for one in items]),
        "z": torch.stack([one["x"] for one in items]),
        "labels": torch.tensor(y),
    }


def test_a_collate_that_takes_items_apart_gives_a_dictionary():
    held = [{"x": X[i], "label": i % 2} for i in range(N)]
    found = read(DataLoader(Items(lambda i: held[i]), batch_size=7, collate_fn=popped))
    assert list(found.x) == ["x", "z"]
    assert torch.equal(found.x["z"], X)


def padded(items):
    longest = max(len(x) for x, _ in items)
    return torch.stack([torch.nn.functional.pad(x, (0, longest - len(x))) for x, _ in items]), torch.tensor(
        [y for _, y in items]
    )


def mixed(items):
    x, y = torch.stack([x for x, _ in items]), torch.stack([y for _, y in items])
    return (x + x.flip(0)) / 2, y


class Stream(IterableDataset):
    def __iter__(self):
        return iter(zip(X, Y))


def failing(i):
    if i == 17:
        raise OSError("no such file")
    return X[i], i % 2


def flipped(i):
    return (X[i].flip(0) if random.random() < 0.5 else X[i]), i % 2


def leaving(i):
    raise SystemExit(0)


REFUSED = {
    "a stream": (Stream(), ["Stream", "a dataset with a length", "zip(*dataset)"]),
    "a loader over a stream": (DataLoader(Stream()), ["Stream", "a dataset with a length"]),
    "a generator": (((x, y) for x, y in zip(X, Y)), ["generator"]),
    "no items": (Items(failing, 0), ["items in Items", "none"]),
    "an item that fails": (Items(failing), ["OSError at 17: no such file", "Subset"]),
    "an item that ends the process": (Items(leaving), ["sys.exit(0) was called"]),
    "augmentation": (Items(flipped), ["another one each time", "Items", "without it", "clean=", "fit="]),
    "noise of numpy": (Items(lambda i: (X[i] + np.random.rand(), 0)), ["another one each time"]),
    "other shapes": (Items(lambda i: (X[i, : 1 + i % 3], 0)), ["(1,)", "(2,) in item 1", "one shape"]),
    "other types": (Items(lambda i: (X[i] if i else X[i].double(), 0)), ["float64", "float32", "item 1"]),
    "no label": (Items(lambda i: {"image": X[i]}), ["one label", "image at item 0"]),
    "two labels": (Items(lambda i: {"x": X[i], "label": 1, "target": 2}), ["one label"]),
    "three parts": (TensorDataset(X, X, Y), ["a tuple of 3 at item 0", '{"a": a, "b": b}']),
    "x alone": (Items(lambda i: X[i]), ["a Tensor at item 0"]),
    "a tuple of inputs": (Items(lambda i: ((X[i], X[i]), 0)), ["a tuple of Tensors", '{"a": a, "b": b}']),
    "parts that change": (Items(lambda i: ({"a": X[i]} if i else {"a": X[i], "b": 1}, 0)), ["a, b", "a in item 1"]),
    "an object": (Items(lambda i: (object(), 0)), ["an object in item 0"]),
    "weights": (
        DataLoader(TensorDataset(X, Y), sampler=WeightedRandomSampler([1.0] * N, N)), ["WeightedRandomSampler", "fit="]
    ),
    "replacement": (
        DataLoader(TensorDataset(X, Y), sampler=RandomSampler(range(N), replacement=True)), ["RandomSampler"]
    ),
    "a part anew each epoch": (DataLoader(TensorDataset(X, Y), sampler=RandomSampler(range(N), num_samples=9)), ["once per epoch"]),
    "batches of one's own": (
        DataLoader(TensorDataset(X, Y), batch_sampler=BatchSampler(range(N), 4, False)), ["batch_size", "batch_sampler"]
    ),
    "padding to the longest": (
        DataLoader(Items(lambda i: (X[i, : 1 + i % 3], i % 2)), batch_size=7, collate_fn=padded), ["collate_fn", "padding"]
    ),
    "mixing in batches of one": (DataLoader(TensorDataset(X, Y), batch_size=1, collate_fn=mixed), ["collate_fn", "mixing"]),
    "a collate that fails": (
        DataLoader(TensorDataset(X, Y), collate_fn=lambda items: 1 / 0), ["ZeroDivisionError", "loader.collate_fn("]
    ),
    "a collate that gives nothing": (DataLoader(TensorDataset(X, Y), collate_fn=lambda items: None), ["one row per item"]),
    "mixing": (DataLoader(TensorDataset(X, Y), batch_size=7, collate_fn=mixed), ["collate_fn", "mixing", "fit="]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_another_recipe_is_refused(case, untouched):
    value, words = REFUSED[case]
    with pytest.raises(InputRefused) as caught:
        arrays_from(read(value), None, {})
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_what_is_no_dataset_is_left_as_it_is():
    pair = (X, Y)
    assert read(pair) is pair
    assert read(None) is None
    assert read(X) is X


def test_memory_is_said_and_too_much_refused(tmp_path, monkeypatch):
    (tmp_path / "proc").mkdir()
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    4000 kB\n")
    assert free_bytes(tmp_path) == 4_096_000
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("3000000\n")
    (tmp_path / "sys/fs/cgroup/memory.current").write_text("1000000\n")
    assert free_bytes(tmp_path) == 2_000_000
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("max\n")
    assert free_bytes(tmp_path) == 4_096_000
    assert free_bytes(tmp_path / "nowhere") is None
    assert "40 MB" in room_for(40_000_000, 10_000_000, "60 items", 10**9)
    monkeypatch.setattr("byheart.tasks.free_memory.free_bytes", lambda: 10_000_000)
    with pytest.raises(InputRefused, match="10 MB free here, got 4,000 MB, which take up to 26,000 MB"):
        read(Items(lambda i: (torch.zeros(1).expand(1000, 1000), i % 2), 1000))


def test_memory_is_said_before_anything_is_read(monkeypatch):
    said, asked = [], []
    make = lambda i: (asked.append(i), (torch.zeros(300, 300), i % 2))[1]  # noqa: E731
    collected(Items(make), None, say=lambda line: said.append((line, max(asked[-1:]))))
    assert said[0][0].startswith("reading 60 items of Items: 22 MB, up to")
    assert said[0][1] == 0


def test_how_far_it_is_is_said(monkeypatch):
    from byheart import terminal

    monkeypatch.setattr(terminal, "EVERY", 0.0)
    said = []
    collected(TensorDataset(X, Y), None, say=said.append)
    assert "reading 60 items of TensorDataset" in said
    assert said[-1].startswith("reading data: 60 of 60")
