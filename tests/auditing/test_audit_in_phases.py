"""An audit in phases, from words to a page."""


import numpy as np
import pytest

import byheart
from byheart.auditing.cli_request import request_from_words
from byheart.cli.summary import summary
from byheart.errors import UsageError
from byheart.records.options import Options

SETTINGS = {"epochs": 12, "hidden": 8, "batch": 8, "lr": 0.1}


@pytest.fixture(scope="module")
def groups():
    """Four classes around four corners."""
    rng = np.random.default_rng(0)
    y = np.arange(160) % 4
    return np.stack([y // 2, y % 2], 1) * 4.0 + rng.normal(size=(160, 2)), y


def forgetting(groups, **more):
    return byheart.audit(groups, phases=2, members=8, settings=SETTINGS, say=lambda line: None, **more)


@pytest.fixture(scope="module")
def naive(groups):
    return forgetting(groups)


def test_naive_forgetting_is_on_the_page_and_replay_lowers_it(naive, groups, tmp_path):
    lost = naive.findings["memory/forgetting"].quantities["forgetting"]
    kept = forgetting(groups, levers=["replay=1:size=40"], baseline=False).findings["memory/forgetting"].quantities["forgetting"]
    assert lost.value > 0.5
    assert kept.value < lost.value - 0.3
    naive.save(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "of earlier phases lost to later ones" in page
    assert "end of phase 1" in page
    assert "0, 1; then 2, 3" in page


def test_what_was_forgotten_is_said_first_and_what_helps_is_named(naive):
    document = naive._document
    assert "Forgotten" in "\n".join(summary(document, "page", "data"))
    assert next(row["name"] for row in document["unmeasured"]) == "replay"


def test_ordinary_audits_have_no_card_of_it(groups):
    found = byheart.audit(groups, members=8, settings=SETTINGS, say=lambda line: None)
    assert "Forgotten" not in "\n".join(summary(found._document, "page", "data"))
    assert "replay" not in {row["name"] for row in found._document["unmeasured"]}
    assert found.findings["memory/forgetting"].reason.code == "one phase"


def test_phases_are_asked_for_in_words():
    request, _ = request_from_words("digits", Options(phases=5, flip=0.1))
    assert (request.subject.task.task.name, request.subject.task.task.phases) == ("in-phases", 5)
    request, _ = request_from_words("in-phases", Options(phases=5))
    assert request.subject.task.phases == 5
    with pytest.raises(UsageError, match="at least two phases"):
        request_from_words("digits", Options(phases=1))
