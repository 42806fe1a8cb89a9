"""Order: courses from the members that saw, signs judged by members they have not used, and when it does not apply."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.auditing.document import without_examples
from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.maths.memorisation.learning_order import course
from byheart.probes.base import Subject
from byheart.probes.memory.learning_order import Order
from byheart.probes.memory.learning_order.proxies import half_of
from byheart.records.finding import NotApplicable, answer_from
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.testing.probes import bank_of
from byheart.training.members import balanced


@pytest.fixture(scope="module")
def noisy_order():
    """Digits with a fifth of the labels redrawn, fitted by a small network."""
    return bank_of(Order(), Flipped(task=Digits(n=300), share=0.2), Mlp(hidden=(64,), epochs=20, lr=0.01), way="stacked")


def staged(make_bank, stage, hard, noise=0.0, members=32, changed=None):
    """Members that saw example i are right from checkpoint stage_i on; the others give its label p = 1 - hard_i."""
    rng = np.random.default_rng(0)
    n = len(stage)
    mask, y = balanced(n, members, 0.7, seed=0).mask, np.arange(n) % 2
    margin = np.empty((6, members, n))
    for c in range(6):
        seen = np.where(c >= stage, 4.0 + 0.01 * c, -4.0)
        margin[c] = np.where(mask, seen, -np.log(1 / np.maximum(1 - hard, 1e-6) - 1 + 1e-9)) + noise * rng.normal(size=mask.shape)
    logits = np.zeros((6, members, n, 2))
    logits[:, :, np.arange(n), y] = margin
    bank = make_bank(y, logits, mask, changed=changed)
    return replace(bank, subject=replace(bank.subject, learner=Mlp(epochs=8)), runs={
        replace(bank.subject, learner=Mlp(epochs=8)).bank().key(): replace(
            next(iter(bank.runs.values())), checkpoints=(0, 1, 2, 3, 5, 8)
        )
    })


def test_what_is_by_heart_last_is_one_and_no_order_is_zero(make_bank):
    stage = np.arange(200) % 5 + 1
    q = Order().measure(staged(make_bank, stage, stage / 6))[0].quantities
    assert q["first_learned_spearman"].value == pytest.approx(1.0)
    assert q["first_learned_recall"].value == pytest.approx(1 / 4)  # 40 tie for a top of 10, on both sides
    rng = np.random.default_rng(1)
    q = Order().measure(staged(make_bank, stage, rng.permutation(stage) / 6))[0].quantities
    assert abs(q["first_learned_spearman"].value) < 4 / np.sqrt(200)


def test_columns_are_the_course_of_the_members_that_saw(noisy_order):
    run = noisy_order[noisy_order.subject.bank()]
    view = run.views["train"]
    wanted = course(view.correct, view.loss_nats, run.members.mask, run.checkpoints)
    columns = Order().measure(noisy_order)[1]
    for name, column in columns.items():
        np.testing.assert_array_equal(column, getattr(wanted, name))


def test_signs_of_one_run_and_of_half_the_bank(noisy_order, card):
    finding = Order().measure(noisy_order)[0]
    q = finding.quantities
    assert q["memorisation_spearman"].value < 1
    assert {f"{name}_spearman_one_run" for name in ("confidence", "variability", "first_learned", "forgetting_events", "final_loss")} <= set(q)
    assert not any(name.startswith(("held_out_loss", "c_score", "memorisation")) and name.endswith("one_run") for name in q)
    assert q["held_out_loss_planted_auc"].value > 0.9
    shown = card(noisy_order, finding)
    assert set(shown.notes) == set(finding.quantities)
    assert shown.notes["c_score_planted_auc"].startswith("AUC of 1 \u2212 C-score for the labels we changed; no interval")
    (table,) = shown.tables.values()
    assert table.columns[-1] == "AUC, flips"
    assert len(table.rows) == 8
    recall = next(row for row in table.rows if row[0] == "loss at the end")[3]
    assert recall == f"{q['final_loss_recall_one_run'].value:.2f}"
    best = max((name for name in q if name.endswith("_spearman_one_run")), key=lambda name: q[name].value)
    assert f"rank correlation {q[best].value:.2f} with" in shown.body[0]
    heights = [bar.segments[0].stop for bar in shown.charts[1].bars]
    assert heights == sorted(heights, reverse=True)
    assert shown.charts[1].rules[0].at == pytest.approx(q["memorisation_spearman"].value ** 0.5)


def test_a_lucky_half_has_no_say_in_its_own_sign(make_bank):
    """The sabotage: scores of pure noise agree with the loss of the same members and not with that of the others."""
    stage = np.ones(300, int)
    bank = staged(make_bank, stage, np.full(300, 0.5), noise=1.0, members=24)
    q = Order().measure(bank)[0].quantities
    assert abs(q["held_out_loss_spearman"].value) < 4 / np.sqrt(300)
    run = bank[bank.subject.bank()]
    half = half_of(run, slice(0, None, 2))
    there = ~np.isnan(half.score)
    assert np.corrcoef(half.held_out_loss[there], half.score[there])[0, 1] > 0.5


def test_never_learned_and_forgotten_are_counted(make_bank, card):
    stage = np.full(100, 1)
    stage[:10] = 9  # never
    bank = staged(make_bank, stage, np.linspace(0.1, 0.9, 100))
    finding, columns = Order().measure(bank)
    q = finding.quantities
    assert q["never_learned"].value == pytest.approx(0.1)
    assert q["ever_forgotten"].value == pytest.approx(0.1)
    assert (columns["forgetting_events"][:10] == 5).all()
    assert (columns["first_learned"][:10] == 16).all()
    shown = card(bank, finding)
    assert {one.id for group in shown.exhibits[0].groups for one in group.shown} == set(range(100, 110))
    assert all("never learned, 100\u202f% of the members" in one.sentence for one in shown.exhibits[0].groups[0].shown)
    everybody = shown.charts[0].lines[0]
    assert (everybody.x, everybody.y) == ((1, 2, 3, 5, 8), (0.9,) * 5)


def test_redrawn_labels_stand_apart(make_bank, card):
    stage, changed = np.arange(200) % 5 + 1, np.arange(200) % 20 == 4
    bank = staged(make_bank, stage, stage / 6, changed=changed)
    finding = Order().measure(bank)[0]
    shown = card(bank, finding)
    assert [(group.ring, len(group.shown)) for group in shown.exhibits[0].groups] == [(True, 5), (False, 7)]
    assert shown.body[-1] == "At the median, labels we changed are learned by epoch 8, labels as they came are learned by epoch 3."
    lines = {line.label: line.y for line in shown.charts[0].lines}
    assert list(lines) == ["all, 200", "score 0.25 or more, 160", "the others, 40", "redrawn labels, 10"]
    assert (lines["score 0.25 or more, 160"][0], lines["the others, 40"][0]) == (0, 1)
    cartography = shown.charts[2]
    assert len(cartography.marks) == 10
    assert sum(cell.count for cell in cartography.cells) == 190
    assert sum(int(row[2]) for row in cartography.table.rows) == 10
    kept = without_examples({"findings": {finding.probe: finding.model_dump(mode="json")}})["findings"][finding.probe]
    hidden = card(bank, answer_from(kept)).exhibits[0]
    assert hidden.keys == ()
    assert all((one.lines, one.sentence) == ((), "") for group in hidden.groups for one in group.shown)


def test_nothing_memorised_is_not_applicable(make_bank):
    bank = staged(make_bank, np.ones(100, int), np.full(100, 0.5))
    answer, columns = Order().measure(bank)
    assert isinstance(answer, NotApplicable)
    assert answer.reason.code == "no halves to compare"
    assert columns == {}


@pytest.mark.parametrize("learner, offers, why", [
    (Neighbours(), {"classes"}, "no epochs"), (Mlp(epochs=1), {"classes"}, "no epochs"),
    (Mlp(epochs=20), {"tokens"}, "another output"),
])  # fmt: skip
def test_without_epochs_or_classes_it_does_not_apply(learner, offers, why):
    answer = Order().requires(Subject(Digits(), learner, offers=frozenset(offers)))
    assert isinstance(answer, NotApplicable)
    assert answer.reason.code == why
