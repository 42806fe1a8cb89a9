"""Ranks of strings among all strings: a slow twin, closed forms, and when a run keeps them."""

import itertools

import numpy as np
import pytest
import torch

from byheart.learners import enumeration_rank, sequence_steps
from byheart.learners.decoder import Decoder
from byheart.learners.enumeration_rank import ranks
from byheart.learners.transformer import Transformer
from byheart.tasks.canaries import Canaries
from byheart.tasks.text import Text
from byheart.training.members import balanced
from byheart.training.run import joined
from byheart.training.training import Training

ALPHABET = torch.tensor([1, 3, 4, 7, 11])


def decoder(layers=1, sharp=3.0):
    made = Decoder(12, 10, 8, layers, 2, torch.Generator().manual_seed(3)).eval()
    with torch.no_grad():
        for weights in made.parameters():
            weights.mul_(sharp)
    return made


def rows(n=8):
    source = torch.Generator().manual_seed(1)
    x = torch.randint(0, 12, (n, 10), generator=source)
    x[:, 4:7] = ALPHABET[torch.randint(0, 5, (n, 3), generator=source)]
    return x


@torch.no_grad()
def costs(made, context):
    """Every string of three, coded one by one after the context: its nats by its tokens."""
    found = {}
    for string in itertools.product(ALPHABET.tolist(), repeat=3):
        x = torch.cat([context, torch.tensor(string)])[None]
        found[string] = -made(x)[0, 4:].log_softmax(-1).gather(-1, x[0, 4:, None]).sum().item()
    return found


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("nodes", [8192, 3])
def test_the_slow_twin_reads_every_string_from_the_start(layers, nodes, monkeypatch):
    monkeypatch.setattr(enumeration_rank, "NODES", nodes)
    made, x = decoder(layers), rows()
    expected = []
    for row in x:
        by = costs(made, row[:4])
        expected.append(sum(cost <= by[tuple(row[4:7].tolist())] + 1e-5 for cost in by.values()))
    assert ranks(made, x, 4, 7, ALPHABET).tolist() == expected
    assert len(set(expected)) > 4  # ranks that differ, so that a constant would not do


def test_the_likeliest_is_first_and_the_least_likely_last():
    made, x = decoder(), rows(2)
    by = costs(made, x[0, :4])
    for row, string in zip(x, (min(by, key=by.get), max(by, key=by.get))):
        row[:4], row[4:7] = x[0, :4], torch.tensor(string)
    assert ranks(made, x, 4, 7, ALPHABET).tolist() == [1, 125]


def test_where_all_are_alike_ties_count_against_the_secret():
    made = decoder()
    with torch.no_grad():
        made.head.weight.zero_()
    assert set(ranks(made, rows(), 4, 7, ALPHABET).tolist()) == {125}
    assert set(ranks(made, rows(), 4, 5, ALPHABET).tolist()) == {5}


def test_a_secret_at_the_very_beginning_has_no_context():
    made, x = decoder(), ALPHABET[:, None]
    with torch.no_grad():
        nats = -made(x)[:, 0].log_softmax(-1)[0, ALPHABET]
    assert ranks(made, x, 0, 1, ALPHABET).tolist() == (nats.argsort().argsort() + 1).tolist()


@torch.no_grad()
@pytest.mark.parametrize("layers", [1, 2])
def test_token_by_token_gives_the_logits_of_the_whole(layers):
    made, x = decoder(layers), rows()
    logits, kept = made.opened(x[:, :4])
    parts = [(one,) for one in kept]
    for place in range(4, 7):
        np.testing.assert_allclose(logits, made(x)[:, place], atol=2e-4)
        logits, own = made.further(x[:, place], place + 1, parts)
        parts = [(*before, one) for before, one in zip(parts, own, strict=True)]


def fitted(share, way="each"):
    task = Canaries(task=Text(n=60, n_test=20), repeats=(1, 8), each=3, held_out=4, references=40, length=2)
    data = task.draw(0)
    members = balanced(len(data.train), 2, share, seed=0)
    learner = Transformer(width=8, epochs=4)
    return data, members, learner.fit(data, members, Training((0, 4), trail=False, way=way))


def test_ranks_are_kept_for_models_that_saw_every_copy_and_for_no_others(monkeypatch):
    monkeypatch.setattr(sequence_steps, "ENUMERATED", 1000)
    run = fitted(1.0)[2]
    kept = run.views["canaries"]
    assert kept.ranks.shape == (2, 10)
    assert ((kept.ranks >= 1) & (kept.ranks <= 26**2)).all()
    assert run.views["references"].ranks is None
    # what the ranks of one model say of two secrets, their bits after their own contexts mostly say too
    assert np.corrcoef(np.log(kept.ranks.ravel()), kept.loss_nats[-1].ravel())[0, 1] > 0.5
    again = joined([(run.document(), run.arrays())])
    assert (again.views["canaries"].ranks == kept.ranks).all()
    assert fitted(0.7)[2].views["canaries"].ranks is None
    monkeypatch.setattr(sequence_steps, "ENUMERATED", 26**2 - 1)
    assert fitted(1.0)[2].views["canaries"].ranks is None


def test_a_fleet_keeps_the_ranks_of_each_of_its_models():
    one, other = fitted(1.0)[2], fitted(1.0, way="functional")[2]
    a, b = (np.log2(run.views["canaries"].ranks) for run in (one, other))
    np.testing.assert_allclose(a, b, atol=0.05)
