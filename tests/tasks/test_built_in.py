"""The tasks that travel with the package."""

import hashlib
import json

import numpy as np
import pytest

from byheart.errors import ByheartError
from byheart.registry import find
from byheart.tasks import vendored
from byheart.tasks.digits import Digits
from byheart.tasks.fashion import Fashion
from byheart.tasks.modular import Modular

SHIPPED = {
    "fashion-mnist-5k.npz": "cfa405590a9e65f1f8a7f397d643cc6c41c652d0592a253fef28b8b82ca7ae1b",
    "elnino.csv": "b647be00e0fd264be9764e317e6b963f35030014ecca2b21b204521716e463ad",
    "sunspots.csv": "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b",
    "co2.csv": "16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f",
    "nitime-fmri.csv": "b272a7a8e1981d1b4542e739e5244be41c1bfee8a8d3cd224b87605ec72c2ffd",
}


def test_the_manifest_lists_every_file_as_it_came():
    listed = {name: line.sha256 for name, line in vendored.manifest().items()}
    assert listed == SHIPPED
    for name, line in vendored.manifest().items():
        content = vendored.read_bytes(name)
        assert hashlib.sha256(content).hexdigest() == SHIPPED[name]
        if name.endswith(".csv"):
            assert content.count(b"\n") == line.n + 1
    files = {path.name for path in vendored.FOLDER.iterdir()}
    assert files == {*SHIPPED, "manifest.json", "LICENSES.txt"}


def test_every_licence_stands_in_full():
    text = (vendored.FOLDER / "LICENSES.txt").read_text()
    for words in ("Copyright (c) 2017 Zalando SE", "public domain", "NIPY Developers", *SHIPPED):
        assert words in text


def test_a_changed_file_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("x\n1\n")
    line = {"file": "a.csv", "sha256": "0" * 64, "source": "s", "licence": "l", "n": 1}
    (tmp_path / "manifest.json").write_text(json.dumps([line]))
    monkeypatch.setattr(vendored, "FOLDER", tmp_path)
    vendored.manifest.cache_clear()
    with pytest.raises(ByheartError, match="reinstall byheart"):
        vendored.read_bytes("a.csv")
    monkeypatch.undo()
    vendored.manifest.cache_clear()


def test_fashion_is_the_official_order():
    data = Fashion().draw(0)
    train, test = data.train, data.views["test"]
    assert train.x.shape == (5000, 28, 28)
    assert test.x.shape == (2000, 28, 28)
    assert (train.x.dtype, train.x.min(), train.x.max()) == (np.float32, 0, 1)
    assert train.y[:6].tolist() == [9, 0, 0, 3, 0, 2]
    np.testing.assert_array_equal(test.ids, np.arange(2000))
    small = Fashion(n=100, n_test=50).draw(3)
    np.testing.assert_array_equal(small.train.x, train.x[:100])
    np.testing.assert_array_equal(small.views["test"].x, test.x[:50])


def test_digits_of_every_size_share_their_test():
    large, small = Digits().draw(5), Digits(n=50).draw(5)
    assert (len(large.train), len(large.views["test"]), len(small.train)) == (1437, 360, 50)
    np.testing.assert_array_equal(large.views["test"].ids, small.views["test"].ids)
    assert set(small.train.ids.tolist()) <= set(large.train.ids.tolist())
    assert large.train.x.max() == 1


def test_the_sums_are_right_and_complete():
    data = Modular(p=11, share=0.7).draw(2)
    train, test = data.train, data.views["test"]
    assert len(train) == round(0.7 * 121)
    assert sorted([*train.ids.tolist(), *test.ids.tolist()]) == list(range(121))
    for examples in (train, test):
        a, b = examples.x[:, :11].argmax(axis=1), examples.x[:, 11:].argmax(axis=1)
        np.testing.assert_array_equal(examples.x.sum(axis=1), 2)
        np.testing.assert_array_equal(examples.ids, a * 11 + b)
        np.testing.assert_array_equal(examples.y, (a + b) % 11)
        np.testing.assert_array_equal(examples.meta["a"], a)
        assert examples.meta["shown"][0] == f"{a[0]} + {b[0]} (mod 11)"
    assert data.truth.best_loss_nats == 0


@pytest.mark.parametrize("name", ["fashion", "digits", "modular"])
def test_the_registry_finds_them(name):
    assert find("task", name).name == name
