"""A Dataset of torch behind a DataLoader, and a small convolution."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Crosses(Dataset):
    """8 x 8 pictures in one channel: a bright row or a bright column; the last five are there with the wrong label."""

    n, wrong = 120, 5

    def __init__(self):
        chance = torch.Generator().manual_seed(8128)
        self.x = 0.5 * torch.rand(self.n, 1, 8, 8, generator=chance)
        self.y = torch.arange(self.n) % 2
        place = torch.randint(0, 8, (self.n,), generator=chance)
        for i in range(self.n):
            self.x[i, 0, place[i] if self.y[i] else slice(None), slice(None) if self.y[i] else place[i]] += 0.5
        self.y[-self.wrong :] = 1 - self.y[-self.wrong :]

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.x[i], int(self.y[i])


def small():
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 2))


@pytest.fixture(scope="module")
def audit(audited):
    loader = DataLoader(Crosses(), batch_size=12, shuffle=True)
    return audited(loader, model=small, settings={"epochs": 12, "lr": 0.02})


def test_a_loader_goes_through_everything(audit, agrees):
    agrees(audit, range(Crosses.n))


def test_only_what_was_planted_is_listed(audit, listed):
    wrong = range(Crosses.n - Crosses.wrong, Crosses.n)
    listed(audit, "label worth checking", wrong)
    for kind in ("duplicate", "contradicting copy", "leaked into test"):
        assert not listed(audit, kind, ())


def test_some_of_it_is_by_heart(audit):
    q = audit.findings["complexity/description-length"].quantities
    assert q["memorised_bits_share"].interval[0] > 0
    assert audit.findings["generalization/gap"].quantities["test_accuracy"].n == 24
