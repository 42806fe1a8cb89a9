"""A study end to end on small subjects: outcomes, resuming, same bytes, and what fails alone."""

import re

import pytest

import byheart.study.steps as steps
from byheart.auditing.studies import page_of, study
from byheart.engines.inline import Inline, attempt
from byheart.errors import InputRefused, UnknownName, UsageError
from byheart.records.claim_result import Studied
from byheart.records.claim_table import claim_from
from byheart.records.finding import answer_from
from byheart.report.cards import About
from byheart.report.study import render_study

GAP = "generalization/gap"
TREE = {"learner": "DecisionTreeClassifier", "members": 8, "probes": [GAP]}
SUBJECTS = {
    "clean": {"says": "as they came"},
    "half": {"flip": 0.9, "says": "most redrawn <b>"},
}


def claim(subjects=SUBJECTS, expect=(), **every):
    return claim_from({
        "claim": "Trees fit <i>anything</i>.",
        "source": [{"author": "Doe and Roe", "year": 2000, "title": "Trees & <tags>"}],
        "words": {"gap": "the gap"},
        "every": {"task": "digits", "task_settings": {"n": 120}, **TREE, **every},
        "subject": subjects,
        "expect": list(expect) or [
            {"says": "they fit all", "quantity": f"{GAP}/train_accuracy", "of": "half", "above": 0.9},
            {"says": "and new ones too", "quantity": f"{GAP}/test_accuracy", "of": "half", "above": 0.9},
            {"says": "the gap grows", "quantity": f"{GAP}/gap", "of": "half", "above": f"{GAP}/gap", "than_of": "clean"},
            {"says": "nobody knows", "quantity": f"{GAP}/train_accuracy", "of": "half", "above": f"{GAP}/gap"},
        ],
    })  # fmt: skip


@pytest.fixture
def ran(monkeypatch):
    """(kind, key) of every step that runs in this process."""
    log = []
    real = steps.perform
    monkeypatch.setattr(steps, "perform", lambda step, ledger: log.append((step.kind, step.key)) or real(step, ledger))
    return log


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return study("trees", claim(), tmp_path_factory.mktemp("study"))


def test_each_expectation_is_judged_from_its_subjects(found):
    assert [one.outcome for one in found.outcomes] == ["held", "not held", "held", "withheld"]
    first, _, pair, unlike = found.outcomes
    assert first.readings[0].quantity.value == 1.0
    assert pair.differences[0].value == pytest.approx(pair.readings[0].quantity.value - pair.readings[1].quantity.value)
    assert unlike.reason.figures["units"] == "accuracy and points"
    assert found.tally() == "2 of 4 expectations held, 1 not held, 1 withheld"
    assert not found.partial


def test_what_was_trained_is_said(found):
    about = found.subjects[1].about
    assert (about["n"], about["members"], about["labels redrawn"], about["seed"]) == (120, 8, 0.9, 0)
    assert found.subjects[1].steps.keys() == {GAP}


def test_a_finished_study_runs_nothing_again_and_gives_the_same_bytes(tmp_path, ran):
    first = page_of(study("trees", claim(), tmp_path), tmp_path).read_bytes()
    assert ran
    ran.clear()
    assert page_of(study("trees", claim(), tmp_path), tmp_path).read_bytes() == first
    assert ran == []


@pytest.mark.parametrize("after", [1, 2, 4])
def test_a_stopped_study_goes_on_and_nothing_runs_twice(tmp_path, monkeypatch, ran, after):
    left = [after]
    real = Inline.run

    def stopping(self, work, keys):
        for key in keys:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            yield attempt(work, key)

    with monkeypatch.context() as patch:
        patch.setattr(Inline, "run", stopping)
        with pytest.raises(KeyboardInterrupt):
            study("trees", claim(), tmp_path)
    assert Inline.run is real
    done = len(ran)
    assert done == after
    found = study("trees", claim(), tmp_path)
    assert len(set(ran)) == len(ran) > done
    assert [one.outcome for one in found.outcomes] == ["held", "not held", "held", "withheld"]


def test_no_example_of_the_data_is_carried_along(tmp_path):
    probe = "memory/counterfactual"
    expect = [{"says": "s", "quantity": f"{probe}/memorised_share", "of": "clean", "above": 0}]
    found = study("trees", claim(SUBJECTS, expect, probes=[probe]), tmp_path).subjects[0].findings[probe]
    assert found["status"] == "measured"
    assert found["ranked"]["most_memorised"]["figures"].keys().isdisjoint({"label", "predicted", "clean", "text"})


def test_equal_subjects_are_trained_once(tmp_path, ran):
    same = {"one": {}, "two": {"says": "under another name"}}
    expect = [{"says": "s", "quantity": f"{GAP}/train_accuracy", "of": "two", "above": 0.5}]
    study("same", claim(same, expect), tmp_path)
    assert len(ran) == len(set(ran))
    assert sorted(kind for kind, _ in ran if kind != "train") == ["draw", "measure", "trial"]


def test_a_subject_that_fails_does_not_hide_the_others(tmp_path):
    broken = {**SUBJECTS, "half": {"learner_settings": {"max_depth": -1}}}
    found = study("trees", claim(broken), tmp_path)
    assert found.partial
    assert "max_depth" in found.subjects[1].failed
    assert found.subjects[0].findings[GAP]["status"] == "measured"
    assert {one.outcome for one in found.outcomes} == {"withheld"}
    assert "max_depth" in render_study(found)


def test_a_probe_that_fails_makes_the_study_partial(found):
    failed = {"status": "failed", "probe": GAP, "question": "?", "error": "it broke"}
    first = found.subjects[0].model_copy(update={"findings": {GAP: failed}})
    broken = found.model_copy(update={"subjects": (first, *found.subjects[1:])})
    assert broken.partial
    assert "it broke" in render_study(broken)


def test_nothing_is_trained_where_a_later_subject_is_wrong(tmp_path, ran):
    with pytest.raises(UsageError, match="Nearest"):
        study("trees", claim({**SUBJECTS, "third": {"levers": ["dropot=0.5"]}}), tmp_path)
    assert ran == []


def test_data_that_cannot_be_measured_are_refused(tmp_path, ran):
    """Before anything is trained, though it is the last subject."""
    with pytest.raises(InputRefused, match=r"^text: "):
        study("trees", claim({**SUBJECTS, "text": {"task": "text", "task_settings": {"n": 60}, "flip": 0.5}}), tmp_path)
    assert {kind for kind, _ in ran} == {"draw"}


REFUSED = {"learner": "LinearRegression", "says": "no classifier"}  # known when it is fitted


def test_a_subject_whose_training_is_refused_does_not_hide_the_others(tmp_path):
    found = study("trees", claim({"clean": {**SUBJECTS["clean"], **REFUSED}, "half": SUBJECTS["half"]}), tmp_path)
    assert found.partial
    assert "a classifier" in found.subjects[0].failed
    assert [one.outcome for one in found.outcomes] == ["held", "not held", "withheld", "withheld"]
    assert "LogisticRegression" in render_study(found)


def test_where_every_training_is_refused_the_study_is(tmp_path):
    with pytest.raises(InputRefused, match="a classifier"):
        study("trees", claim(**REFUSED), tmp_path)


def test_a_quantity_that_the_first_finding_does_not_have_is_a_wrong_word(tmp_path, ran):
    expect = [{"says": "s", "quantity": f"{GAP}/train_acuracy", "of": "clean", "above": 0.9}]
    with pytest.raises(UnknownName, match=f"quantity of {GAP}.*Nearest: train_accuracy"):
        study("trees", claim(SUBJECTS, expect), tmp_path)
    assert [kind for kind, _ in ran].count("measure") == 1


def grid(depths=(1, 2, 4, 8), survey=(), **every):
    return claim_from({
        "claim": "Deeper trees fit better.",
        "source": [{"author": "Doe and Roe", "year": 2000, "title": "Trees"}],
        "words": {"learner.max_depth": "depth of the tree", "better": {"smallest_step": "the least growth"}},
        "every": {"task": "digits", "task_settings": {"n": 120}, **TREE, **every},
        "grid": {"learner": {"max_depth": list(depths)}},
        "survey": {"better": {"name": "dose", "quantity": f"{GAP}/train_accuracy", "by": "learner.max_depth"}, **dict(survey)},
        "expect": [{"says": "s", "quantity": "survey/better/trend", "above": 0},
                   {"says": "s", "quantity": "survey/better/first", "below": 0.5}],
    })  # fmt: skip


@pytest.fixture(scope="module")
def deeper(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grid")
    return study("deeper", grid(), folder), folder


def test_a_survey_reads_all_points_of_a_grid(deeper):
    found = deeper[0]
    assert [one.outcome for one in found.outcomes] == ["held", "held"]
    answer = answer_from(found.surveys["survey/better"])
    assert answer.curves["train_accuracy"].x == (1, 2, 4, 8)
    points = [answer_from(one.findings[GAP]).quantities["train_accuracy"].value for one in found.subjects]
    assert answer.curves["train_accuracy"].y == tuple(points)


def test_subjects_may_stand_beside_a_grid_and_no_survey_reads_them(deeper):
    made = claim_from({
        "claim": "c", "source": [{"author": "a", "year": 2000, "title": "t"}],
        "every": {"task": "digits", "task_settings": {"n": 120}, **TREE},
        "grid": {"learner": {"max_depth": [1, 2, 4]}},
        "subject": {"stump": {"learner_settings": {"max_depth": 1}}},
        "survey": {
            "better": {"name": "dose", "quantity": f"{GAP}/train_accuracy", "by": "learner.max_depth"},
            "front": {
                "name": "frontier", "better": ["high", "high"],
                "quantities": [f"{GAP}/train_accuracy", f"{GAP}/held_out_accuracy"],
            },
        },
        "expect": [{"says": "s", "quantity": f"{GAP}/train_accuracy", "of": "stump", "above": 0}],
    })  # fmt: skip
    assert (len(made.subject), len(made.grid)) == (4, 3)
    found = study("beside", made, deeper[1])
    assert answer_from(found.surveys["survey/better"]).curves["train_accuracy"].x == (1, 2, 4)
    assert found.outcomes[0].outcome == "held"
    assert "max_depth=4" in str(found.surveys["survey/front"])
    assert "stump" not in str(found.surveys["survey/front"])
    with pytest.raises(UsageError, match="names other than those of the grid"):
        claim_from({"grid": {"learner": {"max_depth": [1]}}, "subject": {"max_depth=1": {}}})


def test_the_page_shows_what_a_survey_read(deeper):
    page = render_study(deeper[0])
    assert "train accuracy by depth of the tree" in page
    assert "survey better" in page


def test_a_large_grid_is_a_table_and_its_page_stays_small(deeper):
    first, *others = deeper[0].subjects
    failed = first.model_copy(update={"name": "f", "says": "the one that failed", "findings": {}, "failed": "it broke"})
    many = [one.model_copy(update={"name": f"n{i}", "says": f"number {i}"}) for i in range(40) for one in others]
    page = render_study(deeper[0].model_copy(update={"subjects": (failed, *many)}))
    assert len(page.encode()) < 2_000_000
    assert page.count('class="card') == len(deeper[0].surveys)
    assert ">number 39<" in page
    assert ">failed: it broke<" in page[page.index("the one that failed") :]


def test_another_survey_of_the_same_subjects_runs_no_other_step(deeper, ran):
    more = {"peak": {"name": "peak", "quantity": f"{GAP}/test_accuracy", "by": "learner.max_depth"}}
    found = study("deeper", grid(survey=more), deeper[1])
    assert [kind for kind, _ in ran] == ["survey"]
    assert answer_from(found.surveys["survey/peak"]).quantities["largest"].value > 0
    ran.clear()
    assert study("deeper", grid(survey=more), deeper[1]).surveys == found.surveys
    assert ran == []


def test_a_failed_point_is_a_gap_and_not_the_studys_failure(tmp_path):
    found = study("deeper", grid(depths=(1, -1, 2, 4, 8)), tmp_path)
    answer = answer_from(found.surveys["survey/better"])
    curve = answer.curves["train_accuracy"]
    assert (curve.x, [y is None for y in curve.y]) == ((-1, 1, 2, 4, 8), [True, False, False, False, False])
    assert [one.outcome for one in found.outcomes] == ["held", "held"]
    assert found.partial
    assert "max_depth" in render_study(found)


def test_a_point_that_is_trained_at_last_is_no_gap_any_more(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        real = steps.perform
        bad = lambda step: step.kind == "measure" and step.about["subject"]["learner"]["params"]["max_depth"] == 2  # noqa: E731
        def failing(step, ledger):
            if bad(step):
                raise InputRefused(came="not today")
            return real(step, ledger)
        patch.setattr(steps, "perform", failing)
        first = answer_from(study("deeper", grid(), tmp_path).surveys["survey/better"])
    second = answer_from(study("deeper", grid(), tmp_path).surveys["survey/better"])
    assert [None in one.curves["train_accuracy"].y for one in (first, second)] == [True, False]


def test_a_grid_that_is_too_small_withholds_what_it_cannot_say(tmp_path):
    found = study("deeper", grid(depths=(1, 4)), tmp_path)
    assert [one.outcome for one in found.outcomes] == ["withheld", "withheld"]
    assert "2 points of the grid, and it takes 3" in render_study(found)


def test_a_quantity_that_a_survey_does_not_have_is_a_wrong_word(tmp_path):
    wrong = grid().model_copy(update={"expect": (grid().expect[0].model_copy(update={"quantity": "survey/better/tred"}),)})
    with pytest.raises(UnknownName, match="Nearest: trend"):
        study("deeper", wrong, tmp_path)


def test_the_page_shows_every_card_without_its_examples(tmp_path):
    small = {"learner": "mlp", "learner_settings": {"hidden": 4, "epochs": 2}, "task_settings": {"n": 80}, "members": 12}
    probes = ["memory/credit:test=8:train=8", "memory/effect:test=8:train=8", "memory/influence", "memory/label-noise"]
    expect = [{"says": "s", "quantity": "memory/credit/remainder_share", "of": "one", "above": 0}]
    found = study("cards", claim({"one": {**small, "probes": probes}}, expect), tmp_path)
    assert {one["status"] for one in found.subjects[0].findings.values()} <= {"measured", "withheld"}
    assert "memory/credit" in render_study(found)


def test_the_cards_of_a_study_know_its_subjects(found):
    """They are made of facts, so members, new examples and what an example is called come with each subject."""
    page = render_study(found)
    for one in found.subjects:
        about = About.of(one.subject)
        assert (about.kind, about.noun, about.n, about.k, about.members, about.share) == ("classes", "digit", 120, 10, 8, 0.7)
        assert about.n_test == int(one.about["new"]) > 0
        assert any(f"With {many} it would be about" in page for many in ("16 members", "240 training digits"))
    assert "With 0" not in page


def test_the_page_has_no_external_address_and_nothing_of_the_claim_becomes_markup(found):
    page = render_study(found)
    shown = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.S)
    assert not re.search(r"https?:|//", re.sub(r"base64,[\w+/=]*|^\s*//.*$", "", shown, flags=re.M))  # fonts, remarks
    for target in re.findall(r'(?:href|src)="([^"]*)"', shown):
        assert target.startswith(("#", "data:image/"))
    assert "Trees fit &lt;i&gt;anything" in shown
    assert "<tags>" not in shown
    assert "redrawn <b>" not in shown.lower()
    assert len(page.encode()) < 2_000_000
    for one in found.outcomes:
        assert f">{one.outcome}</span>" in shown


def test_the_page_names_each_anchor_once(found):
    ids = re.findall(r'\sid="([^"]+)"', render_study(found))
    assert len(ids) == len(set(ids))


def test_the_page_holds_its_document_and_is_made_from_it_alone(found):
    page = render_study(found)
    data = re.search(r'<script type="application/json" id="story">(.*?)</script>', page, re.S)[1]
    assert render_study(Studied.model_validate_json(data)) == page


def test_hostile_words_leave_no_mark_that_turns_the_line(found):
    hostile = found.model_copy(update={"claim": "a\u202eb\x1b[31m", "note": "</script><script>alert(1)</script>"})
    page = render_study(hostile)
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "<script>alert" not in page
