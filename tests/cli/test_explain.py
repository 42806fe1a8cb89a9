"""`byheart explain`: one question at a time, a page of ids where the report is one, and no partial file."""

import json
import shutil
import struct
import zlib

import numpy as np
import pytest

import byheart as bh

IDENT = 7


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """60 grey pictures of 6 x 6 pixels, and the folder of an audit of them."""
    rng = np.random.default_rng(3)
    x = rng.integers(0, 200, (60, 6, 6)).astype(np.uint8)
    x[:, 0] = x[:, -1] = x[:, :, 0] = x[:, :, -1] = 0
    x[30:, 2:4, 2:4] = 255
    folder = tmp_path_factory.mktemp("pictures") / "byheart-audit"
    settings = {"epochs": 2, "hidden": [8]}
    audit = bh.audit((x, np.arange(60) // 30), members=8, settings=settings, out=folder, say=lambda line: None)
    audit.save(folder / "report.json")
    return x, folder, audit


@pytest.fixture
def pictures(made, tmp_path):
    """The pictures, with a copy of the audit where the command line looks for it."""
    shutil.copytree(made[1], tmp_path / "byheart-audit")
    return made[0]


def written(path, pixels):
    high, wide = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def test_a_training_picture_given_as_a_file_is_explained_as_that_example(byheart, pictures, tmp_path):
    written(tmp_path / "own.png", pictures[IDENT])
    own = byheart("explain", "latest", "--image", "own.png", "--json")
    assert own.code == 0, own.err
    found, known = json.loads(own.out), json.loads(byheart("explain", "latest", "--example", IDENT, "--json").out)
    assert found["notes"] == [f"It equals training image {IDENT} exactly."]
    same = 1 if known["says"] == known["label"] else -1  # of two classes, one's margin is minus the other's
    assert found["value"] == pytest.approx(same * known["value"], abs=1e-4)
    assert found["label_known"] is False
    assert found["unchecked"]["code"] == "yours"
    pages = [path.name for path in (tmp_path / "byheart-audit").glob("explain-*.html")]
    assert sorted(pages) == [f"explain-train-{IDENT}.html", f"explain-yours-{found['mark'][:8]}.html"]


def test_words_page_and_check(byheart, pictures, tmp_path):
    said = byheart("explain", "latest", "--example", IDENT)
    assert said.code == 0, said.err
    assert "Checked against 5 models trained on other subsets that saw it" in said.out  # three that did not are too few
    assert "it adds up" in said.out
    quiet = byheart("explain", "latest", "--example", IDENT, "--quiet")
    assert (quiet.out, quiet.err) == (said.out, "")


def test_examples_are_hidden_when_asked_and_when_the_report_hides_them(byheart, made, pictures, tmp_path):
    page = tmp_path / "byheart-audit" / f"explain-train-{IDENT}.html"
    byheart("explain", "latest", "--example", IDENT)
    assert "data:image/png" in page.read_text()
    said = byheart("explain", "latest", "--example", IDENT, "--hide-examples", "--json")
    assert json.loads(said.out)["hidden"] is True
    assert "data:image/png" not in page.read_text()
    byheart("explain", "latest", "--example", IDENT)
    assert "data:image/png" in page.read_text()
    made[2].save(tmp_path / "byheart-audit" / "report.json", hide_examples=True)
    byheart("explain", "latest", "--example", IDENT)
    assert "data:image/png" not in page.read_text()
    assert "labelled" not in byheart("explain", "latest", "--example", IDENT).out
    byheart("explain", "latest", "--example", IDENT, "--show-examples")
    assert "data:image/png" in page.read_text()


@pytest.mark.parametrize("words, code, told", [
    ([], 2, ["one of --example ID", "none of them"]),
    (["--test", "0", "--example", "1"], 2, ["--example and --test"]),
    (["--text", "a", "--image", "a.png"], 2, ["--text and --image"]),
    (["--test", "9999"], 2, ["an id of the test view", "9999"]),
    (["--example", "-1"], 2, ["an id of the train view", "-1"]),
    (["--test", "many"], 2, ["id of the test view", "many"]),
    (["--text", "words"], 3, ["data of text"]),
    (["--text", ""], 3, ["data of text"]),
    (["--image", "no.png"], 3, ["a picture file at no.png"]),
    (["--image", "bad.png"], 3, ["a whole PNG file", "bad.png"]),
    (["--image", "big.png"], 3, ["6 x 6 pixels", "9 x 7 in big.png"]),
    (["--image", "."], 3, ["a picture file at ."]),
])  # fmt: skip
def test_a_wrong_question_is_one_short_message_and_leaves_nothing(
    words, code, told, byheart, pictures, short, listing, tmp_path
):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nrest")
    written(tmp_path / "big.png", np.zeros((7, 9), np.uint8))
    before = set(listing(tmp_path))
    short(byheart("explain", "latest", *words), code, *told)
    assert set(listing(tmp_path)) <= before  # sqlite tidies its own journal away


def test_without_an_audit_there_is_nothing_to_explain(byheart, short):
    short(byheart("explain", "latest", "--test", "0"), 2, "a finished audit")
