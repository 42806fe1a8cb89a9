"""On the command line: LightGBM on a CSV file with missing cells, a folder of pictures, a text; Python reads the same."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

WORDS = ["--members", "8", "--jobs", "1", "--device", "cpu", "--quiet"]
EXIT = {"held": 0, "not held": 1, "withheld": 4}


@pytest.fixture
def audited(byheart, tmp_path):
    """Audits by words; the document, once the page, `show`, `gate`, `compare` and the list of issues agree with it."""

    def run(*words):
        said = byheart("audit", *words, *WORDS, "--issues", "issues.csv", "--json")
        assert said.code == 0, said.err
        document = json.loads(said.out)
        assert document == json.loads((tmp_path / "byheart-audit" / "report.json").read_text())
        assert document == json.loads(byheart("show", "latest", "--json").out)
        page = (tmp_path / "byheart-audit" / "report.html").read_text(encoding="utf-8")
        assert page.rstrip().endswith("</html>")
        assert str(tmp_path) not in page
        found = {name: q for one in document["findings"].values() for name, q in one.get("quantities", {}).items()}
        low, high = found["memorised_bits_share"]["interval"]
        for word, bound, outcome in (
            ("--max", high + 0.01, "held"),
            ("--min", high + 0.01, "not held"),
            ("--max", (low + high) / 2, "withheld"),
        ):
            gated = byheart("gate", word, f"memorised_bits_share={bound}")
            assert (gated.code, gated.out.splitlines()[-1]) == (EXIT[outcome], f"Gate  {outcome}")
        same = json.loads(byheart("compare", "latest", "latest", "--json").out)
        assert {one["difference"]["value"] for one in same["differences"]} == {0.0}
        assert same["pairing"] == "same models"
        parts = [found[f"{name}_bits"]["value"] for name in ("understood", "memorised", "left")]
        assert sum(parts) == pytest.approx(found["reference_bits"]["value"], rel=1e-9)
        return document

    return run


def issues(folder, kind):
    with open(folder / "issues.csv", newline="", encoding="utf-8") as file:
        return {row["id"] for row in csv.DictReader(file) if row["kind"] == kind}


def test_lightgbm_on_a_table_with_missing_cells(audited, tmp_path):
    """Whether a battery fails follows from its heat, or from its heat not being known; six are written down wrongly."""
    rng = np.random.default_rng(31)
    n, wrong = 200, range(90, 96)
    heat, age = rng.normal(30, 8, n), rng.integers(1, 90, n)
    gone = rng.random(n) < 0.2
    fails = (heat > 33) | gone
    fails[list(wrong)] = ~fails[list(wrong)]
    rows = [
        f"B{i * 7 % 1000:03};{'' if gone[i] else f'{heat[i]:.2f}'.replace('.', ',')};{age[i]};{'yes' if fails[i] else 'no'}"
        for i in range(n)
    ]
    (tmp_path / "batteries.csv").write_text("\n".join(["serial;heat;age;fails", *rows]) + "\n")
    words = ["batteries.csv", "--target", "fails", "--id", "serial", "--learner", "lightgbm:LGBMClassifier"]
    document = audited(*words, "--set", "n_estimators=12", "--set", "min_child_samples=5", "--set", "verbose=-1")
    assert not [note for note in document["provenance"]["notes"] if "median" in note]
    assert document["subject"]["n"] == 160
    assert issues(tmp_path, "label worth checking") <= {f"B{i * 7 % 1000:03}" for i in wrong}
    assert not issues(tmp_path, "leaked into test")
    q = document["findings"]["complexity/description-length"]["quantities"]
    assert q["understood_bits_share"]["interval"][0] > 0.3


def test_a_folder_of_pictures(audited, tmp_path):
    """A bar at the left or at the right of 6 x 6 pixels; two pictures of the training are in the test too."""
    rng = np.random.default_rng(32)
    for view, n in (("train", 60), ("test", 24)):
        for i in range(n):
            pixels = rng.integers(0, 90, (6, 6), dtype=np.uint8)
            pixels[:, :2] += np.uint8(120) * (i % 2)
            pixels[:, 4:] += np.uint8(120) * (1 - i % 2)
            path = tmp_path / "bars" / view / ("right", "left")[i % 2] / f"{view} {i:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    for i in (4, 7):
        name = ("right", "left")[i % 2]
        copy = (tmp_path / "bars" / "train" / name / f"train {i:02}.png").read_bytes()
        (tmp_path / "bars" / "test" / name / f"again {i:02}.png").write_bytes(copy)
    document = audited("bars/", "--learner", "LogisticRegression")
    assert (document["subject"]["n"], document["subject"]["classes"]) == (60, ["left", "right"])
    assert issues(tmp_path, "leaked into test") == {"test/right/again 04.png", "test/left/again 07.png"}
    assert not issues(tmp_path, "duplicate") | issues(tmp_path, "label worth checking") | issues(tmp_path, "memorised")
    q = document["findings"]["complexity/description-length"]["quantities"]
    assert q["understood_bits_share"]["value"] > 0.9


def test_a_text(audited, tmp_path):
    """A made-up language of twenty words; a paragraph of it stands there again."""
    rng = np.random.default_rng(33)
    words = ["".join(rng.choice(list("aeioklmnprst"), rng.integers(2, 7))) for _ in range(20)]
    text = " ".join(rng.choice(words, 1300))
    (tmp_path / "tale.txt").write_text(text[:4000] + text[1000:1512] + text[4000:])
    document = audited("tale.txt", "--learner", "ngram")
    assert document["subject"]["kind"] == "tokens"
    told = {int(one) for one in issues(tmp_path, "duplicate")}
    assert told
    assert told <= {*range(1000 // 64, 1512 // 64 + 1), *range(4000 // 64, 4512 // 64 + 1)}
