"""Datasets of Hugging Face: pictures, features, tables and tensors, and what code of the user's receives."""

import datasets
import numpy as np
import pytest
import torch

import byheart as bh
from byheart.auditing.given import arrays_from, collected
from byheart.errors import InputRefused
from byheart.learners.torch_module import FromFactory
from byheart.training.members import balanced
from byheart.training.training import Training

N = 80
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (N, 8, 8, 3), dtype=np.uint8)
A, B, Y = RNG.normal(size=N), RNG.integers(0, 9, N), RNG.integers(0, 2, N)
CLASSES = datasets.ClassLabel(names=["wet", "dry"])  # not in the order of the alphabet
TABLE = datasets.Dataset.from_dict(
    {"idx": [f"row {i}" for i in range(N)], "a": A, "town": ["Ulm", "Bonn", "Köln", "Bonn"] * (N // 4), "label": Y}
)


def silent(line):
    pass


def read(dataset):
    return collected(dataset, None, say=silent)[0]


def test_pictures_and_the_names_of_their_classes():
    features = datasets.Features(image=datasets.Image(), wet=CLASSES)
    found = read(datasets.Dataset.from_dict({"image": list(PIXELS), "wet": Y}, features=features))
    assert np.array_equal(found.x, PIXELS)
    data = arrays_from(found, None, {}).draw(0)
    assert data.output.classes == ("wet", "dry")
    assert np.array_equal(data.train.y, Y[data.train.ids])
    assert data.output.show == "photograph"


def test_lists_of_features_are_rows():
    rows = RNG.normal(size=(N, 5))
    found = read(datasets.Dataset.from_dict({"features": rows.tolist(), "label": Y}))
    assert np.array_equal(found.x, rows)


def test_lists_of_several_lengths_are_refused():
    ragged = datasets.Dataset.from_dict({"input_ids": [[1] * (1 + i % 3) for i in range(N)], "label": Y})
    with pytest.raises(InputRefused, match=r"shape \(1,\) as in item 0, got int64 array of shape \(2,\) in item 1"):
        read(ragged)


@pytest.mark.parametrize("form, library", [(None, "pandas"), ("polars", "polars"), ("arrow", "pyarrow")])
def test_a_table_is_a_frame_of_the_datasets_format(form, library):
    frame, target = read(TABLE.with_format(form) if form else TABLE)
    assert type(frame).__module__.partition(".")[0] == library
    assert target == "label"
    assert arrays_from((frame, target), None, {}).name == "frame"


def test_a_table_larger_than_memory_is_refused(monkeypatch):
    monkeypatch.setattr("byheart.tasks.free_memory.free_bytes", lambda: 1000)
    with pytest.raises(InputRefused, match="80 rows of Dataset that fit into"):
        read(TABLE)


def test_training_of_ones_own_gets_the_frame_and_its_index_are_the_ids():
    received = []

    def fit(x, y, seed):
        received.append((x, y))
        return lambda new: np.full((len(new), 2), 0.5)

    found = bh.audit(TABLE, test=TABLE.select(range(20)), fit=fit, members=8, device="cpu", say=silent)
    x, y = received[0]
    assert list(x.columns) == ["a", "town"]
    assert x.index.name == "idx"
    places = [int(name.removeprefix("row ")) for name in x.index]
    assert np.array_equal(x["a"], A[places])
    assert np.array_equal(y, Y[places])
    assert found.to_dict()["subject"]["n"] == N


class Reader(torch.nn.Module):
    received = []

    def __init__(self):
        super().__init__()
        self.last = torch.nn.Linear(2, 2)

    def forward(self, x):
        Reader.received.append({name: part.dtype for name, part in x.items()})
        return self.last(torch.stack([x["a"], x["b"].float()], 1))


def test_tensors_reach_module_and_training_as_tensors_of_their_type():
    dataset = datasets.Dataset.from_dict({"a": A, "b": B, "label": Y}).with_format("torch")
    data = arrays_from(read(dataset), None, {}).draw(0)
    given = data.train.given("x")
    assert {name: part.dtype for name, part in given.items()} == {"a": torch.float32, "b": torch.int64}
    assert np.allclose(given["a"], A[data.train.ids])
    Reader.received.clear()
    members = balanced(len(data.train), 2, 0.7, seed=0)
    FromFactory.of(Reader, epochs=1).fit(data, members, Training((1,), way="each"))
    assert Reader.received[-1] == {"a": torch.float32, "b": torch.int64}


class Masked(torch.nn.Module):
    received = []

    def __init__(self):
        super().__init__()
        self.last = torch.nn.Linear(3, 2)

    def forward(self, x):
        Masked.received.append((x["mask"].dtype, x["codes"].dtype))
        return self.last(x["codes"].float() * x["mask"])


def test_a_dictionary_that_a_collate_gives_keeps_its_types():
    codes = torch.as_tensor(B).int()[:, None].expand(N, 3)

    def collate(items):
        made = torch.stack([codes[one["at"]] for one in items])
        return {"codes": made, "mask": made > 3, "labels": torch.tensor([one["label"] for one in items])}

    at = [{"at": i, "label": int(Y[i])} for i in range(N)]
    loader = torch.utils.data.DataLoader(_Listed(at), batch_size=16, collate_fn=collate)
    data = arrays_from(read(loader), None, {}).draw(0)
    Masked.received.clear()
    members = balanced(len(data.train), 2, 0.7, seed=0)
    FromFactory.of(Masked, epochs=1).fit(data, members, Training((1,), way="each"))
    assert set(Masked.received) == {(torch.bool, torch.int32)}


class _Listed(torch.utils.data.Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


@pytest.mark.parametrize("value, words", [
    (datasets.DatasetDict(train=TABLE, test=TABLE), ["train, test", "data['train'], test=data['test']"]),
    (TABLE.to_iterable_dataset(), ["a dataset with a length", "IterableDataset"]),
    (datasets.Dataset.from_dict({"text": ["a"] * N, "other": ["b"] * N}), ["one label", "text, other"]),
])  # fmt: skip
def test_what_is_no_one_dataset_is_refused(value, words):
    with pytest.raises(InputRefused) as caught:
        read(value)
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_a_column_of_text_is_a_series_of_text():
    received = []
    texts = [f"{'sunny' if y else 'rainy'} day number {i}" for i, y in enumerate(Y)]
    dataset = datasets.Dataset.from_dict({"text": texts, "label": Y, "id": [f"tweet {i}" for i in range(N)]})

    def fit(x, y, seed):
        received.append((list(x), y))
        return lambda new: np.full((len(new), 2), 0.5)

    bh.audit(dataset, fit=fit, members=8, device="cpu", say=silent)
    x, y = received[0]
    assert set(x) <= set(texts)
    assert [texts.index(text) for text in x] == [int(text.rsplit(" ", 1)[1]) for text in x]
    assert np.array_equal(y, Y[[texts.index(text) for text in x]])
    assert arrays_from(read(dataset), None, {}).names()["train"][3] == "tweet 3"
