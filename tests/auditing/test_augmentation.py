"""A dataset that augments: members are trained on draws of their own, and all are scored on the clean view."""

import random

import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeClassifier
from torch.utils.data import DataLoader, Dataset

import byheart as bh
from byheart.auditing.cli_request import request_from_words
from byheart.auditing.given import arrays_from, collected, draws_of, with_batch_of
from byheart.auditing.request import make_request
from byheart.engines.inline import Inline
from byheart.errors import InputRefused
from byheart.learners.torch_module import FromFactory
from byheart.records.options import Options
from byheart.study.lever_baseline import without_levers
from byheart.study.plan import Settings
from byheart.study.session import Session
from byheart.training.members import balanced
from byheart.training.training import Training

N = 90
X = torch.rand(N, 3, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0, 0] > 0.5).long()


class Shifted(Dataset):
    """The clean items, or each shifted up by 10 to 20, drawn anew whenever it is read."""

    def __init__(self, shifts, n=N, flip=False):
        self.shifts, self.n, self.flip = shifts, n, flip

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        by = 10 + 10 * random.random() if self.shifts else 0
        return X[i] + by, int(Y[i]) ^ self.flip


class Spy(torch.nn.Module):
    received = []

    def __init__(self):
        super().__init__()
        self.last = torch.nn.Linear(12, 2)

    def forward(self, x):
        Spy.received.append((self.training, x.detach().numpy().copy()))
        return self.last(x.flatten(1))


def plain():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))


def silent(line):
    pass


def fitted(make, way, seed=0, members=3):
    """Members trained on draws, and the lever."""
    read, _ = collected(DataLoader(Shifted(True), batch_size=9), None, Shifted(False), silent)
    learner = with_batch_of(read, FromFactory.of(make, epochs=3))
    task = arrays_from(read, None, {})
    (lever,) = draws_of(read, task, learner)
    data = task.draw(0)
    three = balanced(len(data.train), members, 0.7, seed=seed)
    return learner.fit(data, three, Training((3,), trail=True, levers=(lever,), way=way)), data


def test_training_sees_draws_alone_and_scoring_the_clean_view_alone(untouched):
    Spy.received.clear()
    _, data = fitted(Spy, "each")
    trained = [x for training, x in Spy.received if training]
    scored = np.concatenate([x for training, x in Spy.received if not training])
    assert min(x.min() for x in trained) >= 10
    assert scored.max() <= 1
    assert max(map(len, trained)) == 9
    drawn = np.concatenate(trained)
    shifts = drawn[:, 0, 0]
    assert len(np.unique(shifts)) > 0.9 * len(shifts)  # never the same draw again
    shapes = (X - X[:, :1, :1])[data.train.ids].numpy()  # what a shift leaves alone
    apart = np.abs((drawn - drawn[:, :1, :1])[:, None] - shapes[None]).max((2, 3)).min(1)
    assert apart.max() < 1e-4


@pytest.mark.parametrize("way", ["functional", "stacked"])
def test_a_member_sees_the_same_draws_alone_and_in_a_fleet(way):
    alone, _ = fitted(plain, "each")
    fleet, _ = fitted(plain, way)
    assert np.allclose(alone.views["train"].loss_nats, fleet.views["train"].loss_nats, atol=1e-4)


def test_the_same_training_again_sees_the_same_draws_and_other_members_see_others():
    one, _ = fitted(plain, "stacked")
    two, _ = fitted(plain, "stacked")
    assert np.array_equal(one.views["train"].loss_nats, two.views["train"].loss_nats)
    assert not np.allclose(one.views["train"].loss_nats[-1][0], one.views["train"].loss_nats[-1][1])


def test_an_audit_says_what_was_done_and_credit_is_not_asked_of_it(tmp_path):
    said = []
    found = bh.audit(
        DataLoader(Shifted(True), batch_size=9, shuffle=True), clean=Shifted(False), model=plain, members=8, device="cpu",
        settings={"epochs": 2}, out=tmp_path, say=said.append, also="memory/credit",
    )  # fmt: skip
    assert found.lever_effect is None  # it came with the data; nobody asked what it moves
    assert "each member sees draws of its own of Shifted; scored on clean=, without augmentation" in said
    assert not [line for line in said if line.startswith("Not kept")]
    assert found.findings["memory/credit"].status == "not applicable"
    assert found.findings["generalization/gap"].status == "measured"
    assert "Every step was trained on new draws of Shifted, which augments; all scores are of clean=." in str(
        found.to_dict()
    )


def test_what_another_lever_moves_is_compared_with_the_same_augmentation(tmp_path):
    read, _ = collected(Shifted(True), None, Shifted(False), silent)
    learner, task = FromFactory.of(plain), arrays_from(read, None, {})
    request = make_request(
        task, learner, Options(levers=("dropout=0.5",), jobs=1), "", draws=draws_of(read, task, learner)
    )
    assert request.baseline
    session = Session(request.subject, (), tmp_path, Inline(), Settings())
    without = without_levers(session)
    assert [lever.name for lever in without.subject.levers] == ["augmentation"]
    for one in (session, without):
        one.ledger.close()


FILE = """
import random
import torch

class Numbers(torch.utils.data.Dataset):
    def __init__(self, augments):
        self.augments = augments
    def __len__(self):
        return 60
    def __getitem__(self, i):
        return torch.tensor([i / 60, random.random() if self.augments else 0.5]), i % 2

data, clean = Numbers(True), Numbers(False)

def model():
    return torch.nn.Linear(2, 2)
"""


def test_a_file_of_ones_own_may_augment(tmp_path):
    (tmp_path / "my_audit.py").write_text(FILE)
    request, _ = request_from_words(str(tmp_path / "my_audit.py"), Options(jobs=1), silent)
    assert [lever.name for lever in request.subject.levers] == ["augmentation"]
    assert request.notes[0].startswith("Every step was trained on new draws of Numbers")


REFUSED = {
    "no clean view": (Shifted(True), None, {}, ["another one each time", "clean="]),
    "another length": (Shifted(True), Shifted(False, 80), {}, ["90 items", "80"]),
    "other labels": (Shifted(True), Shifted(False, flip=True), {}, ["the labels of Shifted", "position 0"]),
    "a clean view that augments": (Shifted(True), Shifted(True), {}, ["another one each time", "Give clean= without"]),
    "a test that augments": (Shifted(False), None, {"test": Shifted(True)}, ["another one each time", "Give test= without"]),
    "arrays": ((X, Y), Shifted(False), {}, ["datasets where clean= is given", "tuple"]),
    "an estimator": (Shifted(True), Shifted(False), {"model": DecisionTreeClassifier()}, ["an estimator", "Augment in fit="]),
    "fit": (Shifted(True), Shifted(False), {"model": None, "fit": lambda x, y, seed: None}, ["got fit=", "Augment in fit="]),
    "a collate_fn": (
        DataLoader(Shifted(True), collate_fn=lambda items: items), Shifted(False), {}, ["collate_fn", "clean="]
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_truly_is_refused(case):
    data, clean, options, words = REFUSED[case]
    with pytest.raises(InputRefused) as caught:
        bh.audit(data, clean=clean, **{"model": plain, "members": 8, "say": silent} | options)
    for word in words:
        assert word in str(caught.value), str(caught.value)
