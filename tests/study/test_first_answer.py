"""A first answer comes from the first members, changes no number, and trains nothing twice."""

import re

import numpy as np
import pytest

from byheart.auditing.audit import audit
from byheart.auditing.cli_request import command
from byheart.errors import ByheartError
from byheart.learners.estimator import Estimator
from byheart.records.options import Options
from byheart.study.session import Session


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 4))
    return x, (x[:, 0] + rng.normal(size=150) > 0).astype(int)


def heard(data, folder, counted, **options):
    """The audit, the lines it said, and how many members of the bank were trained on the way."""
    from sklearn.linear_model import LogisticRegression

    lines, before = [], counted[0]
    made = audit(data, model=LogisticRegression(max_iter=20), out=folder, say=lines.append, **options)
    return made, [line for line in lines if line.startswith("First answer")], counted[0] - before


@pytest.fixture
def counted(monkeypatch):
    """How many members estimators were fitted for."""
    fitted, real = [0], Estimator.fit

    def fit(self, data, members, training):
        fitted[0] += len(members)
        return real(self, data, members, training)

    monkeypatch.setattr(Estimator, "fit", fit)
    return fitted


def test_the_headline_of_two_members_comes_first_and_no_number_changes(data, tmp_path, counted):
    plain, said, trained = heard(data, tmp_path / "plain", counted, members=9)
    first, line, again = heard(data, tmp_path / "first", counted, members=9, first=True)
    assert (said, trained) == ([], again)
    assert trained >= 10  # nine members and one on everything
    (line,) = line
    assert re.match(r"First answer, from 2 members: understood .*%.* \[.*\], by heart .*, not learned .*to 9\.$", line)
    assert plain.to_dict()["findings"] == first.to_dict()["findings"]
    assert plain.to_dict()["subject"]["run"] == first.to_dict()["subject"]["run"]
    assert plain.to_dict()["provenance"]["command"] == first.to_dict()["provenance"]["command"]


def test_it_is_what_an_audit_of_two_members_says(data, tmp_path, counted):
    _, (line,), _ = heard(data, tmp_path / "first", counted, members=9, first=True)
    two, _, _ = heard(data, tmp_path / "two", counted, members=2)
    share = two.findings["complexity/description-length"].quantities["memorised_bits_share"]
    assert f"by heart {100 * share.value:.1f}" in line.replace("\u2212", "-")


def test_few_members_have_no_ranking_by_scores(data, tmp_path, counted):
    two, _, _ = heard(data, tmp_path, counted, members=2)
    with pytest.raises(ByheartError, match="below 8 members, train more"):
        two.memorised(3)
    assert two.issues().unlisted.keys() >= {"memorised"}


def test_what_is_trained_already_needs_no_first_answer(data, tmp_path, counted):
    heard(data, tmp_path, counted, members=9)
    _, lines, trained = heard(data, tmp_path, counted, members=9, first=True)
    assert (lines, trained) == ([], 0)


def test_the_first_members_are_kept_where_an_audit_stops(data, tmp_path, counted, monkeypatch):
    with monkeypatch.context() as stopped:
        stopped.setattr(Session, "answers", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            heard(data, tmp_path, counted, members=9, first=True)
    before = counted[0]
    _, lines, after = heard(data, tmp_path, counted, members=9, first=True)
    assert len(lines) == 1
    assert heard(data, tmp_path / "all", counted, members=9)[2] == before + after
    assert before >= 2


def test_nothing_comes_first_of_two_members(data, tmp_path, counted):
    assert heard(data, tmp_path, counted, members=2, first=True)[1] == []


def test_the_command_of_a_page_does_not_ask_for_it():
    assert command("digits", Options(first=True)) == command("digits", Options())
