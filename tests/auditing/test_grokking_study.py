"""The study of grokking: a small form of what must not generalise, and the grid that its surveys read."""

from byheart.auditing.claims import claim_named
from byheart.auditing.studies import study
from byheart.records.finding import answer_from

SMALL = {
    "task.p": 31, "learner.embedding": 32, "learner.hidden": 64, "learner.batch": 1000, "learner.epochs": 120,
}  # fmt: skip


def test_without_decay_and_on_a_random_table_it_is_memorised_and_never_understood(tmp_path):
    name, claim = claim_named("grokking", SMALL)
    subjects = {one: claim.subject[one] for one in ("no-decay", "random")}
    asked = (one for one in claim.expect if {subject for subject, _ in claim.reads(one)} <= {*subjects})
    kept = tuple(one for one in asked if "restricted" not in one.quantity)  # which takes 6,000 steps
    found = study(name, claim.model_copy(update={"subject": subjects, "expect": kept}), tmp_path, device="cpu")
    assert not found.partial
    assert [one.outcome for one in found.outcomes] == ["held"] * 4
    for survey in found.surveys.values():  # of a grid that was not measured
        assert answer_from(survey).withheld.code == "small grid"


def test_the_grid_is_of_shares_and_decays_and_its_two_thresholds_are_of_one_decay_each():
    _, claim = claim_named("grokking")
    assert {one.share for one in claim.subject.values()} == {of["share"] for of in claim.grid.values()}
    assert len(claim.grid) == len(claim.subject) - 2
    for name, decay in (("critical", 1), ("critical_more", 2)):
        assert claim.survey[name]["where"] == {"lever.weight-decay.strength": decay}
        assert any(of["lever.weight-decay.strength"] == decay for of in claim.grid.values())
    assert claim.subject["no-decay"].levers == ()
