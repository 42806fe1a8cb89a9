"""The gap: closed forms on chosen outcomes, the right checkpoints, the rivals, and values."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.maths.statistics.ranks import r2, wilson
from byheart.probes.generalization.gap import Gap
from byheart.training.members import Members
from byheart.training.run import Run


def with_whole(bank, correct_logits, test_logits):
    """The bank with the one model trained on everything beside it."""
    from byheart.training.run import outcomes

    views = {
        "train": outcomes(correct_logits[None], bank.data.train.y, bank.data.output, False),
        "test": outcomes(test_logits[None], bank.data.views["test"].y, bank.data.output, False),
    }
    whole = Run(Members(np.zeros(1, int), np.ones((1, len(bank.data.train)), bool)), (0,), views, {})
    return replace(bank, runs={**bank.runs, bank.subject.whole().key(): whole})


def test_accuracies_are_means_over_each_side(make_bank, answers, mask, rng, card):
    y, test_y = np.arange(120) % 3, np.arange(50) % 3
    right, new = rng.random((16, 120)) < np.where(mask, 0.9, 0.6), rng.random((16, 50)) < 0.7
    bank = make_bank(y, answers(y, right, 3), mask, test_y=test_y, test_logits=answers(test_y, new, 3))
    finding, columns = Gap().measure(bank)
    seen = np.array([right[mask[:, i], i].mean() for i in range(120)])
    left_out = np.array([right[~mask[:, i], i].mean() for i in range(120)])
    q = finding.quantities
    assert q["train_accuracy"].value == pytest.approx(seen.mean())
    assert q["held_out_accuracy"].value == pytest.approx(left_out.mean())
    assert q["gap"].value == pytest.approx((seen - left_out).mean())
    assert q["test_accuracy"].value == pytest.approx(new.mean())
    assert (q["gap"].n, q["test_accuracy"].n) == (120, 50)
    low, high = q["gap"].interval
    source = card(bank, finding).body[-1]
    assert source.startswith("Largest source of the interval (")
    assert float(source.rsplit("\u00b1", 1)[1].split()[0]) == pytest.approx(50 * (high - low), abs=0.06)
    np.testing.assert_allclose(columns["seen"], seen)
    np.testing.assert_allclose(columns["held_out"], left_out)


def test_a_lookup_table_and_a_knower_have_their_gaps(make_bank, answers, mask):
    y = np.arange(120) % 4
    rote = Gap().measure(make_bank(y, answers(y, mask, 4), mask))[0].quantities
    assert (rote["train_accuracy"].value, rote["held_out_accuracy"].value, rote["gap"].value) == (1, 0, 1)
    knower = Gap().measure(make_bank(y, answers(y, np.ones_like(mask), 4), mask))[0].quantities
    assert (knower["train_accuracy"].value, knower["gap"].value) == (1, 0)


def test_the_null_is_the_most_frequent_class(make_bank, answers, mask):
    y = np.where(np.arange(120) < 90, 0, 1)
    q = Gap().measure(make_bank(y, answers(y, mask, 2), mask))[0].quantities
    assert q["held_out_accuracy"].null == pytest.approx(0.75)
    assert q["gap"].null == 0


def test_the_time_course_is_read_at_the_right_checkpoints(make_bank, mask, card):
    """The label's logit where left out is 0, 1, 3, 2, 0.5 at five checkpoints: smallest loss at the third."""
    y, test_y = np.zeros(120, int), np.zeros(40, int)
    courses = np.array([0.0, 1.0, 3.0, 2.0, 0.5])
    logits = np.zeros((5, 16, 120, 2))
    logits[..., 0] = np.where(mask, 4.0, courses[:, None, None])
    test_logits = np.zeros((5, 16, 40, 2))
    test_logits[..., 0] = np.array([-1.0, -1.0, 1.0, 1.0, 1.0])[:, None, None]
    bank = make_bank(y, logits, mask, test_y=test_y, test_logits=test_logits)
    run = bank[bank.subject.bank()]
    epochs = (0, 1, 2, 3, 4)
    assert run.checkpoints == epochs
    finding = Gap().measure(bank)[0]
    q = finding.quantities
    loss = np.log1p(np.exp(-courses))
    assert q["best_epoch"].value == 2
    assert q["best_epoch"].interval == (2, 2)
    assert q["held_out_loss"].value == pytest.approx(loss[-1], rel=1e-6)
    assert q["held_out_loss"].null == pytest.approx(np.log(2), rel=1e-6)
    assert q["held_out_loss_rise"].value == pytest.approx(loss[-1] - loss[2], rel=1e-6)
    (chart,) = card(bank, finding).charts
    lines = {line.label.partition(" ")[0]: line for line in chart.lines}
    assert lines["left"].x == (1, 2, 3, 4)  # a logarithmic scale has no place for 0; the table keeps it
    assert lines["new"].y == (0, 1, 1, 1)
    assert lines["seen"].role == "memorised"
    assert finding.curves["new"].y == (0, 0, 1, 1, 1)
    assert [row[0] for row in chart.table.rows] == ["0", "1", "2", "3", "4"]


def test_without_epochs_there_is_no_course(make_bank, answers, mask, card):
    y = np.arange(120) % 3
    bank = make_bank(y, answers(y, mask, 3), mask)
    finding = Gap().measure(bank)[0]
    assert "best_epoch" not in finding.quantities
    (chart,) = card(bank, finding).charts
    assert "epoch" not in chart.title
    assert chart.reading == "This learner has no epochs: one line a side."
    assert [(line.x, line.y) for line in chart.lines] == [((0, 1), (1, 1)), ((0, 1), (0, 0))]


def test_the_one_model_speaks_of_a_run(make_bank, answers, mask):
    y, test_y = np.arange(120) % 3, np.arange(50) % 3
    bank = make_bank(y, answers(y, mask, 3), mask, test_y=test_y, test_logits=answers(test_y, np.ones((16, 50), bool), 3))
    right = np.arange(50) < 40
    bank = with_whole(bank, answers(y, np.ones((1, 120), bool), 3), answers(test_y, right[None], 3))
    q = Gap().measure(bank)[0].quantities["one_model_test_accuracy"]
    assert q.value == 0.8
    assert q.interval == tuple(wilson(40, 50))
    assert q.speaks_of == "run"


def test_rivals_are_on_the_same_subsets(noisy, card):
    finding = Gap().measure(noisy)[0]
    q = finding.quantities
    assert q["neighbours_train_accuracy"].value == 1
    assert "first 16 of the same subsets" in card(noisy, finding).notes["neighbours_held_out_accuracy"]
    held = finding.curves["held_out"]
    assert held.y[-1] == pytest.approx(q["held_out_accuracy"].value)
    assert held.low[-1] < held.y[-1] < held.high[-1]
    rule = next(rule for rule in card(noisy, finding).charts[0].rules if rule.label.startswith("1-nearest"))
    assert rule.at == q["neighbours_held_out_accuracy"].value


def test_changed_labels_are_said_to_be_in_training_alone(noisy, card):
    body = " ".join(card(noisy, Gap().measure(noisy)[0]).body)
    assert f"Labels changed by us: {noisy.data.truth.changed.sum()} of training, none of the new ones" in body


def test_values_are_measured_in_r2(values, card):
    finding = Gap().measure(values)[0]
    run, y = values[values.subject.bank()], values.data.train.y
    predictions, mask = run.views["train"].logits[:, :, 0].astype(float), run.members.mask
    squared = (predictions - y) ** 2
    out = np.array([squared[~mask[:, i], i].mean() for i in range(150)])
    seen = np.array([squared[mask[:, i], i].mean() for i in range(150)])
    q = finding.quantities
    means = np.array([y[row].mean() for row in mask])
    spread = (y - means[:, None]) ** 2
    out_spread = np.mean([spread[~mask[:, i], i].mean() for i in range(150)])
    seen_spread = np.mean([spread[mask[:, i], i].mean() for i in range(150)])
    assert q["held_out_r2"].value == pytest.approx(1 - out.mean() / out_spread, abs=1e-5)
    assert q["train_r2"].value == pytest.approx(1 - seen.mean() / seen_spread, abs=1e-5)
    assert q["gap"].value == pytest.approx(q["train_r2"].value - q["held_out_r2"].value, abs=1e-9)
    assert q["gap"].unit == "r2"
    one = values[values.subject.whole()].views["test"].logits[0, :, 0]
    assert q["one_model_test_r2"].value == pytest.approx(r2(values.data.views["test"].y, one), abs=1e-5)
    assert q["held_out_r2"].value > q["neighbours_held_out_r2"].value
    assert "ridge_held_out_r2" in q
    said = card(values, finding)
    words = " ".join((said.says, *said.body, said.how[0], said.charts[0].reading))
    assert "R2" in said.says
    assert "label" not in words


def test_all_right_is_not_certain(make_bank, answers, mask):
    y = np.arange(120) % 4
    q = Gap().measure(make_bank(y, answers(y, np.ones_like(mask), 4), mask))[0].quantities
    assert q["train_accuracy"].interval[0] == pytest.approx(wilson(120, 120).low, abs=0.002)
    assert q["gap"].interval[0] < -0.02
    assert q["gap"].interval[1] > 0.02


def test_no_gap_is_wider_than_all(make_bank, answers, mask):
    """Right on all that was seen, wrong on all that was not: the interval ends at 100 points."""
    y = np.arange(120) % 4
    gap = Gap().measure(make_bank(y, answers(y, mask, 4), mask))[0].quantities["gap"]
    assert gap.value == 1
    assert gap.interval[1] == 1


def test_copies_among_new_examples_count_as_one_for_the_one_model(make_bank, answers, mask):
    y, test_y = np.arange(120) % 3, np.repeat(np.arange(10) % 3, 40)
    right = np.repeat(np.arange(10) < 7, 40)[None]
    bank = make_bank(y, answers(y, mask, 3), mask, test_y=test_y, test_logits=answers(test_y, right.repeat(16, 0), 3))
    test = replace(bank.data.views["test"], x=np.repeat(np.arange(10.0), 40)[:, None] - 99)
    bank = replace(bank, data=replace(bank.data, views={**bank.data.views, "test": test}))
    q = Gap().measure(with_whole(bank, answers(y, np.ones((1, 120), bool), 3), answers(test_y, right, 3)))[0].quantities
    assert q["one_model_test_accuracy"].interval == pytest.approx(tuple(wilson(7, 10)))
    assert q["one_model_test_accuracy"].n == 400


@pytest.mark.parametrize("new, said", [
    ([0.3], "On new examples there is no number: 1 is too few, it takes 2 at least."),
    ([0.3, 0.3], "On new examples there is no R2: their 2 values do not differ."),
    ([0.3, 0.4], ""),
])  # fmt: skip
def test_new_examples_without_a_number_say_why(new, said, make_bank, mask, rng, card):
    y = rng.normal(size=120)
    bank = make_bank(y, np.zeros((16, 120, 1)), mask, kind="values", test_y=new, test_logits=np.zeros((16, len(new), 1)))
    finding = Gap().measure(bank)[0]
    assert ("test_r2" in finding.quantities) is ("new" in finding.curves) is (not said)
    assert [line for line in card(bank, finding).body if "there is no" in line] == ([said] if said else [])
