"""`byheart audit images/`: a folder of pictures on the command line."""

import re

import numpy as np
import pytest
from PIL import Image

from byheart.auditing.cli_request import request_from_words
from byheart.records.options import Options


@pytest.fixture
def images(tmp_path):
    """images/ with two classes, 40 pictures each."""
    rng = np.random.default_rng(3)
    for i in range(80):
        pixels = rng.integers(0, 120, (8, 8), dtype=np.uint8)
        pixels[:4] += 100 * (i % 2)
        path = tmp_path / "images" / ("top", "bottom")[i % 2] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return "images/"


@pytest.mark.usefixtures("quick_page")
def test_a_folder_is_audited_and_its_files_are_the_ids(audited, images, byheart, tmp_path):
    said = audited(images, "--learner", "ridge")
    assert said.code == 0, said.err
    assert "reading 80 pictures of 8 x 8" in said.err
    made = (tmp_path / "byheart-audit/report.json").read_text()
    assert "byheart audit images/ --learner ridge" in made
    assert str(tmp_path) not in made
    assert re.search(r'"(top|bottom)/\d\d\.png"', made)


@pytest.mark.usefixtures("quick_page")
def test_quiet_says_nothing_of_reading(audited, images):
    said = audited(images, "--learner", "NoSuchLearner", "--quiet")
    assert "reading" not in said.err


def test_options_of_other_data_are_refused(audited, images, npz, short):
    short(audited(npz, "--size", "8"), 2, "a folder of pictures for --size")
    short(audited(images, "--target", "y"), 2, "a table")
    short(audited(images, "--size", "0"), 2, "at least 1")


def test_the_name_of_a_task_is_the_task_and_with_a_slash_the_folder(images, tmp_path, monkeypatch):
    (tmp_path / "images").rename(tmp_path / "digits")
    monkeypatch.chdir(tmp_path)
    options, silent = Options(jobs=1), lambda line: None
    assert request_from_words("digits", options, silent)[0].subject.task.name == "digits"
    assert request_from_words("digits/", options, silent)[0].subject.task.title == "digits"
    assert request_from_words(f"{tmp_path}/digits", options, silent)[0].command == "byheart audit digits/ --seed 0"
