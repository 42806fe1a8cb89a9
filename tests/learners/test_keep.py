"""Keep: what a run leaves beside outcomes; keeping changes nothing, and every array says its axes."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from byheart.errors import InputRefused
from byheart.learners.decoder import Decoder
from byheart.learners.mlp import Mlp
from byheart.learners.transformer import Transformer
from byheart.tasks.digits import Digits
from byheart.tasks.modular import Modular
from byheart.tasks.text import Text
from byheart.training.keep import Embeddings, FirstLayer, FreeRuns, Weights
from byheart.training.members import balanced
from byheart.training.run import Run, joined
from byheart.training.training import Training

MLP = Mlp(hidden=(8,), epochs=3, batch=16)
TEXT = Transformer(width=8, heads=2, epochs=1, batch=16)
KEEP = (Weights(), Weights(when="start"), Weights(when="checkpoints"), Embeddings(), Embeddings(view="test"))


@functools.cache
def digits():
    return Digits(n=60).draw(0)


@functools.cache
def text():
    return Text(n=30, n_test=10, window=24).draw(0)


@functools.cache
def fit(way="stacked", keep=KEEP, m=3):
    return MLP.fit(digits(), balanced(60, m, 0.7, 0), Training((1, 3), keep=keep, way=way))


@functools.cache
def spoken():
    members = balanced(30, 2, 0.7, 0)
    return TEXT.fit(text(), members, Training((0, 1), keep=(FreeRuns(context=4, n=5), Weights()), way="functional"))


@pytest.mark.parametrize("way", ["stacked", "functional", "each"])
def test_keeping_changes_nothing(way):
    plain, kept = fit(way, ()), fit(way)
    assert not plain.kept
    for view in plain.views:
        assert (plain.views[view].logits == kept.views[view].logits).all()
        assert (plain.views[view].loss_nats == kept.views[view].loss_nats).all()


def test_weights_at_the_start_at_checkpoints_and_at_the_end():
    run = fit()
    start, along, end = (run.kept[label] for label in ("weights when=start", "weights when=checkpoints", "weights"))
    for name, value in end.items():
        assert along[name].shape == (2, *value.shape)
        assert (along[name][-1] == value).all()
        assert (along[name][0] != value).any()
        assert (start[name] != along[name][0]).any()
        assert along.axes[name][:2] == ("checkpoints", "members")
        assert len(along.axes[name]) == along[name].ndim


def test_weights_in_the_middle_are_those_of_the_checkpoint_nearest_to_half():
    keep = Weights(when="middle"), Weights(when="checkpoints")
    run = MLP.fit(digits(), balanced(60, 2, 0.7, 0), Training((0, 1, 2, 3), keep=keep, way="stacked"))
    half, along = (run.kept[one.label] for one in keep)
    for name, value in half.items():
        assert (value == along[name][1]).all()
        assert half.axes[name][0] == "members"


@pytest.mark.parametrize("way", ["stacked", "each"])
def test_the_first_layer_is_kept_of_pairs_of_classes_and_the_norm_of_all_weights_of_everything(way):
    keep, data = (FirstLayer(), Weights()), Modular(p=7, share=0.9).draw(0)
    learner = Mlp(embedding=3, hidden=(4,), epochs=2)
    run = learner.fit(data, balanced(len(data.train), 2, 0.7, 0), Training((0, 2), keep=keep, way=way))
    first, whole = run.kept["first-layer"], run.kept["weights"]
    assert (first["rows"] == np.swapaxes(whole["1.weight"], 1, 2)).all()
    assert first.axes["rows"] == ("members", "inputs", "units")
    squares = sum((value.astype(np.float64) ** 2).reshape(2, -1).sum(1) for value in whole.values())
    assert first["norm"] == pytest.approx(np.sqrt(squares))
    plain = MLP.fit(digits(), balanced(60, 2, 0.7, 0), Training((0, 3), keep=keep[:1], way=way))
    assert set(plain.kept["first-layer"]) == {"norm"}


@pytest.mark.parametrize("way", ["stacked", "functional", "each"])
@pytest.mark.parametrize("view", ["train", "test"])
def test_the_last_layer_reads_the_logits_off_the_embeddings(way, view):
    run = fit(way)
    features = run.kept["embeddings" if view == "train" else f"embeddings view={view}"]["features"]
    weight = next(w for w in run.kept["weights"].values() if w.shape == (3, 10, 8))
    bias = next(w for w in run.kept["weights"].values() if w.shape == (3, 10))
    said = np.einsum("mnd,mkd->mnk", features, weight) + bias[:, None]
    np.testing.assert_allclose(said, run.views[view].logits, atol=1e-5)


def test_a_member_keeps_what_it_keeps_alone():
    members = balanced(60, 3, 0.7, 0)
    alone = MLP.fit(digits(), members.at(np.array([2])), Training((1, 3), keep=KEEP, way="each"))
    for label, kept in alone.kept.items():
        for name, value in kept.items():
            place = kept.axes[name].index("members")
            np.testing.assert_allclose(np.take(fit().kept[label][name], [2], place), value, atol=1e-5)


def test_free_runs_are_the_most_likely_tokens_fed_back():
    run = spoken()
    tokens = run.kept["free-runs context=4 n=5"]["tokens"]
    weights, k, t = run.kept["weights"], text().output.k, text().train.x.shape[1]
    assert tokens.shape == (2, 5, t)
    assert (tokens[:, :, :4] == text().train.x[:5, :4]).all()
    for j in range(2):
        decoder = Decoder(k, t, 8, 1, 2, torch.Generator()).eval()
        decoder.load_state_dict({name: torch.from_numpy(np.asarray(w[j])) for name, w in weights.items()})
        with torch.no_grad():
            said = decoder(torch.from_numpy(tokens[j].astype(np.int64))).argmax(-1).numpy()
        assert (said[:, 4:] == tokens[j][:, 4:]).all()


def test_the_ledger_gives_back_what_was_kept_and_joins_it():
    run = fit()
    parts = [MLP.fit(digits(), balanced(60, 3, 0.7, 0).take(*part), Training((1, 3), keep=KEEP, way="stacked"))
             for part in ((0, 2), (2, 3))]  # fmt: skip
    again = Run.from_parts(run.document(), run.arrays())
    both = joined([(part.document(), part.arrays()) for part in parts])
    for label, kept in run.kept.items():
        assert again.kept[label].axes == kept.axes
        for name, value in kept.items():
            assert (again.kept[label][name] == value).all()
            np.testing.assert_allclose(both.kept[label][name], value, atol=1e-5)


def test_examples_are_taken_in_what_was_kept():
    rows = np.array([5, 1, 30])
    part = fit().of_rows(rows)
    assert (part.kept["embeddings"]["features"] == fit().kept["embeddings"]["features"][:, rows]).all()
    assert (part.kept["embeddings view=test"]["features"] == fit().kept["embeddings view=test"]["features"]).all()


def test_what_a_model_does_not_have_is_refused_by_name():
    with pytest.raises(InputRefused, match="a view of"):
        fit(keep=(Embeddings(view="tset"),))
    with pytest.raises(InputRefused, match="a model of sequences"):
        fit(keep=(FreeRuns(),))
