"""Text: passages, the split by chunks, the embedded manual, bad input."""

import hashlib

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.fingerprint.description import described, revive
from byheart.study import parse
from byheart.study.serialization import data_from, data_result
from byheart.tasks.text import CHUNK, Text, embedded, shown
from byheart.testing.tasks import TaskSuite

WORDS = ["the", "of", "and", "a", "to", "in", "is", "it", "was", "for", "on", "with", "he", "be", "by", "at", "his"]


def prose(rng, size=40_000):
    return " ".join(rng.choice(WORDS, size // 3)).encode()[:size]


class TestEmbedded(TaskSuite):
    @pytest.fixture
    def task(self):
        return Text(n=200, n_test=50)


class TestFile(TaskSuite):
    @pytest.fixture
    def task(self, tmp_path):
        path = tmp_path / "a.txt"
        path.write_bytes(prose(np.random.default_rng(0)))
        return Text.of(path, window=32)


def test_passages_are_the_text_by_their_ids(tmp_path, rng):
    content = prose(rng)
    (tmp_path / "a.txt").write_bytes(content)
    data = Text.of(tmp_path / "a.txt", window=32).draw(0)
    for view in data.views.values():
        for ident, x, said in zip(view.ids, view.x, view.meta["shown"]):
            passage = content[32 * ident : 32 * ident + 32]
            assert "".join(data.output.classes[token] for token in x).encode("latin-1") == passage
            assert said == passage.decode()


def test_the_test_is_whole_chunks(tmp_path, rng):
    (tmp_path / "a.txt").write_bytes(prose(rng, 32 * 800))
    data = Text.of(tmp_path / "a.txt", window=32, n=10_000, n_test=10_000).draw(0)
    held = set((data.views["test"].ids // CHUNK).tolist())
    assert not held & set((data.train.ids // CHUNK).tolist())
    assert len(held) == 10  # a fifth of fifty
    assert len(data.train) == 640


def test_test_passages_that_stand_in_training_are_left_out(tmp_path, rng):
    content = prose(rng, 32 * 400)
    (tmp_path / "a.txt").write_bytes(content + content + prose(rng, 32 * 200))
    data = Text.of(tmp_path / "a.txt", window=32, n=10_000, n_test=10_000).draw(0)
    assert data.about["overlap"] > 50
    assert not {bytes(row) for row in data.train.x} & {bytes(row) for row in data.views["test"].x}
    assert any("equal to a training passage" in line for line in data.about["inferred"])


def test_the_embedded_text_is_hashed_and_another_one_is_refused():
    assert Text().sha256 == hashlib.sha256(embedded()).hexdigest()
    with pytest.raises(InputRefused, match="a changed text"):
        Text(sha256="0" * 64).draw(0)


def test_any_bytes_are_text(tmp_path, rng):
    (tmp_path / "a.txt").write_bytes(rng.integers(0, 256, 30_000, dtype=np.uint8).tobytes())
    data = Text.of(tmp_path / "a.txt").draw(0)
    assert data.output.k == 256
    assert all(sign.isprintable() for said in data.train.meta["shown"] for sign in said)


def test_what_a_reader_sees_stays_on_a_line():
    assert shown("a\r\nb\tc\x00é".encode() + b"\xff") == "a\u00b6b c\ufffdé\ufffd"


@pytest.mark.parametrize("content, said", [(b"", "0 bytes"), (b"short", "5 bytes"), (b"x" * 3839, "3,839 bytes")])
def test_too_short_is_refused_with_what_would_do(tmp_path, content, said):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(InputRefused, match=f"at least 60 passages of 64 bytes, 3,840 bytes.*{said}"):
        Text.of(tmp_path / "a.txt")


@pytest.mark.parametrize("period", [64, 7])
def test_a_text_that_repeats_itself_leaves_nothing_to_test_and_is_refused(tmp_path, rng, period):
    (tmp_path / "a.txt").write_bytes(prose(rng, period) * (30_000 // period))
    with pytest.raises(InputRefused, match=r"at least 10 test passages.*\d+ of \d+ in a.txt equal a training passage"):
        Text.of(tmp_path / "a.txt")


def test_a_path_alone_is_the_text_that_stands_there_now(tmp_path, rng):
    (tmp_path / "a.txt").write_bytes(prose(rng))
    task = Text(path=str(tmp_path / "a.txt"))
    assert task == Text.of(tmp_path / "a.txt") == revive(described(task))
    assert len(task.draw(0).train) > 100
    with pytest.raises(InputRefused, match="No such file"):
        Text(path=str(tmp_path / "none.txt"))


def test_a_missing_and_a_changed_file_are_refused(tmp_path, rng):
    with pytest.raises(InputRefused, match="No such file"):
        Text.of(tmp_path / "none.txt")
    (tmp_path / "a.txt").write_bytes(prose(rng))
    task = Text.of(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_bytes(prose(rng)[::-1])
    with pytest.raises(InputRefused, match=r"a.txt as it was.*a changed text"):
        task.draw(0)


def test_a_text_file_is_a_text_and_with_a_target_a_table(tmp_path, rng):
    (tmp_path / "a.txt").write_bytes(prose(rng))
    assert parse.task_from(str(tmp_path / "a.txt"), {}).name == "text"
    rows = [f"{i}\t{i % 7}\t{'yes' if i % 3 else 'no'}" for i in range(90)]
    (tmp_path / "b.txt").write_text("a\tb\tc\n" + "\n".join(rows))
    assert parse.task_from(str(tmp_path / "b.txt"), {"target": "c"}).name == "table"


def test_it_comes_back_from_the_ledger(tmp_path):
    data = Text(n=100, n_test=40).draw(0)
    again = data_from(data_result(data))
    np.testing.assert_array_equal(again.train.y, data.train.y)
    assert again.train.meta["shown"].tolist() == data.train.meta["shown"].tolist()
    assert again.output == data.output
    assert revive(described(Text(n=100))) == Text(n=100)
