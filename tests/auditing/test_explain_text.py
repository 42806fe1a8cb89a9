"""Explaining a passage: credit adds up to its log probability, and a shorter passage is read without its padding."""

import numpy as np
import pytest

import byheart as bh
from byheart.study.steps import load_data
from byheart.tasks.text import Text
from byheart.training.members import balanced
from byheart.training.training import Training


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """90 passages of 8 bytes of a small language, by a small transformer."""
    rng = np.random.default_rng(0)
    words = [f"{a}{b} " for a in "bdgk" for b in "aeio"]
    folder = tmp_path_factory.mktemp("text")
    (folder / "small.txt").write_text("".join(words[i] for i in rng.integers(0, 16, 320)))
    settings = {"width": 8, "epochs": 2}
    task = Text.of(folder / "small.txt", window=8, n=90, n_test=20)
    return bh.audit(task, settings=settings, members=8, out=folder / "out", say=lambda line: None)


def _loss(audit, view, ident):
    data, subject = load_data(audit._plan.draw.key, audit._ledger), audit._plan.subject
    n = len(data.train)
    run = subject.learner.fit(data, balanced(n, 1, 1.0, subject.seed), Training((subject.learner.epochs,), trail=False))
    row = int(np.flatnonzero(data.views[view].ids == ident)[0])
    return float(run.views[view].loss_nats[-1, 0, row]), "".join(
        data.output.classes[token] for token in data.views[view].x[row]
    )


def _ids(audit, view):
    return load_data(audit._plan.draw.key, audit._ledger).views[view].ids


def test_credit_adds_up_to_the_log_probability(audited):
    ident = int(_ids(audited, "test")[0])
    found = audited.explain(test=ident)
    loss, text = _loss(audited, "test", ident)
    assert found.value == pytest.approx(-loss, abs=1e-3)
    total = found.credit_total + found.decay + found.initial + found.remainder
    assert total == pytest.approx(found.value, abs=1e-6)
    assert (found.kind, found.tokens, found.label, found.says) == ("tokens", 8, "", "")
    assert found.effect_score.interval[0] < found.effect_score.value < found.effect_score.interval[1]
    own = audited.explain(text)
    assert own.value == pytest.approx(found.value, abs=1e-5)
    assert [share.id for share in own.credit_for] == [share.id for share in found.credit_for]


def test_a_passage_that_was_trained_on_is_told(audited):
    ident = int(_ids(audited, "train")[4])
    found = audited.explain(example=ident)
    _, text = _loss(audited, "train", ident)
    own = audited.explain(text)
    assert own.value == pytest.approx(found.value, abs=1e-5)
    assert own.notes[0].startswith("It equals training passage ")
    assert own.neighbours[0].value == 0
    assert own.exhibits["query:-1"]["text"] == text


def test_shorter_passages_are_less_unlikely_the_shorter_they_are(audited):
    _, text = _loss(audited, "test", int(_ids(audited, "test")[0]))
    values = [audited.explain(text[:size]).value for size in (2, 5, 8)]
    assert 0 > values[0] > values[1] > values[2]
    assert audited.explain(text[:5]).tokens == 5


def test_a_passage_that_ends_in_the_token_of_the_padding_is_another(audited):
    signs = load_data(audited._plan.draw.key, audited._ledger).output.classes
    short = audited.explain("ba ga")
    longer = audited.explain("ba ga" + signs[0])
    assert (short.tokens, longer.tokens) == (5, 6)
    assert short.mark != longer.mark
    assert longer.value < short.value


@pytest.mark.parametrize("text, words", [
    ("", ("1 to 8 bytes", "0 bytes")),
    ("ba da ga ka", ("1 to 8 bytes", "11 bytes")),
    ("bazaar", ("signs that the training text has", "'z'")),
    ("ba\u00b6", ("end of a line",)),
    ("\udcff", ("signs that the training text has",)),
])  # fmt: skip
def test_a_passage_that_does_not_fit_is_refused(audited, text, words, refused):
    with pytest.raises(bh.InputRefused) as told:
        audited.explain(text)
    refused(told.value, *words)


def test_an_array_and_a_picture_are_no_passage(audited, tmp_path, refused):
    for given, word in ((np.zeros(8), "a passage as text"), (tmp_path / "a.png", "data of pictures")):
        with pytest.raises(bh.InputRefused) as told:
            audited.explain(given)
        refused(told.value, word)
