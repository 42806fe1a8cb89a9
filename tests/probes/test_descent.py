"""The probe of double descent: closed forms over measured points, peaks and their withholding, effective parameters."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.learners.random_features import LeastSquares, RandomFeatures
from byheart.maths.descent import ridgeless_risk
from byheart.probes.base import Subject
from byheart.probes.generalization.descent import Descent
from byheart.records.finding import NotApplicable
from byheart.report.cards import About
from byheart.report.cards.generalization.descent import card
from byheart.tasks.digits import Digits
from byheart.tasks.isotropic import Isotropic
from byheart.tasks.label_noise import Flipped
from byheart.testing.probes import bank_of

INPUTS = Isotropic(n=440, n_test=200, d=10)
OVER_INPUTS = Descent(vary="task.d", values=(10, 20, 40, 60, 120))
OVER_WIDTH = Descent(vary="width", values=(10, 30, 60, 120, 500))


@pytest.fixture(scope="module")
def inputs():
    return bank_of(OVER_INPUTS, INPUTS, LeastSquares(intercept=False), share=1 / 11)


@pytest.fixture(scope="module")
def digits():
    """Sixty digits a member, a fifth of the labels redrawn."""
    return bank_of(OVER_WIDTH, Flipped(task=Digits(n=660), share=0.2), RandomFeatures(), share=1 / 11)


def test_the_closed_form_is_drawn_over_what_was_measured(inputs):
    finding, _ = OVER_INPUTS.measure(inputs)
    theory = dict(zip(finding.curves["theory"].x, finding.curves["theory"].y))
    assert theory[20] == ridgeless_risk(40, 20, 5.0, 1.0)
    assert theory[40] is None  # infinite
    assert len(theory) > 50
    gap = finding.quantities["theory_gap"]
    assert gap.interval[0] < 0 < gap.interval[1]
    assert abs(gap.value) < 0.25
    assert finding.quantities["peak_at"].value == 40


@pytest.mark.parametrize("sabotage", ["noise", "signal"])
def test_a_wrong_truth_does_not_fit(inputs, sabotage):
    """Half the noise, or a quarter of the signal."""
    drawn = {}
    for key, data in inputs.drawn.items():
        truth = data.truth
        wrong = {"best_loss_nats": truth.best_loss_nats / 3} if sabotage == "noise" else {"signal": truth.signal / 6}
        drawn[key] = replace(data, truth=replace(truth, **wrong))
    gap = OVER_INPUTS.measure(replace(inputs, drawn=drawn))[0].quantities["theory_gap"]
    assert gap.interval[0] > 0


def test_a_peak_of_digits_folds_back_over_effective_parameters(digits):
    finding, _ = OVER_WIDTH.measure(digits)
    found = finding.quantities
    assert found["peak_at"].value == 60
    assert found["prominence"].interval[0] > 0.1
    assert found["folded_prominence"].value < 0.5 * found["prominence"].value
    assert finding.curves["folded"].x == tuple(sorted(finding.curves["folded"].x))
    assert "theory" not in finding.curves


def test_a_curve_is_the_median_of_the_runs_themselves(digits):
    finding, _ = OVER_WIDTH.measure(digits)
    needs = OVER_WIDTH.requires(digits.subject)
    expected = [np.median(1 - digits[need].views["test"].correct[-1].mean(1)) for need in needs]
    assert finding.curves["new"].y == pytest.approx(expected)
    assert finding.quantities["largest_gain"].value == pytest.approx(expected[0] - expected[-1])


def test_a_peak_at_an_end_is_withheld_and_said(digits):
    probe = Descent(vary="width", values=(60, 120, 500))
    finding, _ = probe.measure(digits)
    assert not {"peak_at", "peak_error"} & finding.quantities.keys()
    assert finding.details["no_peak"][0].code == "peak at the end"
    said = card(finding, About())
    assert any("withheld" in line for line in said.body)


def test_a_value_that_was_not_trained_is_a_gap(digits):
    gone = next(need for need in OVER_WIDTH.requires(digits.subject) if need.vary["learner.width"] == 30)
    runs = {key: run for key, run in digits.runs.items() if key != gone.key()}
    finding, _ = OVER_WIDTH.measure(replace(digits, runs=runs))
    assert finding.curves["new"].x == (10, 60, 120, 500)


def test_seeds_that_failed_somewhere_are_left_out_everywhere(digits):
    need = OVER_WIDTH.requires(digits.subject)[0]
    run = digits[need]
    test = replace(run.views["test"], correct=run.views["test"].correct[:, 1:])
    short = replace(run, members=run.members.take(1, 11), views={**run.views, "test": test}, kept={
        label: type(kept)({name: values[1:] for name, values in kept.items()}, kept.axes) for label, kept in run.kept.items()
    })
    train = replace(run.views["train"], correct=run.views["train"].correct[:, 1:])
    short = replace(short, views={**short.views, "train": train})
    finding, _ = OVER_WIDTH.measure(replace(digits, runs={**digits.runs, need.key(): short}))
    assert finding.details["seeds"] == 10
    last = OVER_WIDTH.requires(digits.subject)[-1]
    right = digits[last].views["test"].correct[-1][1:]
    assert finding.curves["new"].y[-1] == pytest.approx(np.median(1 - right.mean(1)))


def test_too_few_seeds_or_values_are_withheld(digits):
    few = Descent(vary="width", values=(10, 60, 120), seeds=4)
    assert few.measure(bank_of(few, Digits(n=60), RandomFeatures()))[0].withheld.code == "few seeds"
    two = Descent(vary="width", values=(10, 60))
    assert two.measure(bank_of(two, Digits(n=60), RandomFeatures()))[0].withheld.code == "too few points"


def test_the_share_of_the_examples_is_shown_as_their_number():
    probe = Descent(vary="share", values=(0.1, 0.3, 0.6))
    finding, _ = probe.measure(bank_of(probe, Digits(n=100), RandomFeatures(width=30)))
    assert finding.curves["new"].x == (10, 30, 60)
    assert "folded" not in finding.curves  # of other data


def test_epochs_are_read_of_one_training():
    probe = Descent(vary="epochs")
    bank = bank_of(probe, Digits(n=100), Mlp(hidden=(8,), epochs=5), way="stacked")
    assert len(probe.requires(bank.subject)) == 1
    finding, _ = probe.measure(bank)
    assert finding.curves["new"].x == (0, 1, 2, 3, 5)
    run = bank[probe.requires(bank.subject)[0]]
    expected = np.median(1 - run.views["test"].correct.mean(2), axis=1)
    assert finding.curves["new"].y == pytest.approx(expected)


@pytest.mark.parametrize("probe, learner, code", [
    (Descent(), Neighbours(), "no setting"),
    (Descent(vary="hiden"), Mlp(), "no setting"),
    (Descent(vary="epochs"), Neighbours(), "no epochs"),
])  # fmt: skip
def test_a_learner_without_the_setting_is_not_asked(probe, learner, code):
    found = probe.requires(Subject(Digits(), learner))
    assert isinstance(found, NotApplicable)
    assert found.reason.code == code


def test_the_card_has_every_number_and_both_pictures(digits, inputs):
    for probe, bank, charts in ((OVER_WIDTH, digits, 2), (OVER_INPUTS, inputs, 1)):
        finding, _ = probe.measure(bank)
        made = card(finding, About(nouns="digits"))
        assert set(made.notes) == set(finding.quantities)
        assert len(made.charts) == charts
        assert all(len(chart.table.rows) >= 5 for chart in made.charts)
    labels = [line.label for line in made.charts[0].lines]
    assert "closed form" in labels


@pytest.mark.parametrize("learner, probe", [
    (LeastSquares(intercept=False, strength=30.0), Descent(vary="task.d", values=(40, 60, 120))),
    (RandomFeatures(bias=0, intercept=False, strength=2.0), Descent(vary="width", values=(30, 90, 300))),
])  # fmt: skip
def test_with_a_penalty_the_closed_form_is_that_of_the_penalty(learner, probe):
    task = Isotropic(n=1320, n_test=300, d=60, signal=1.0, noise=0.5, inputs="sphere")
    bank = bank_of(probe, task, learner, share=1 / 11)  # 120 examples a seed
    finding, _ = probe.measure(bank)
    expected = dict(zip(finding.curves["theory"].x, finding.curves["theory"].y))
    for need, value, mean in zip(probe.requires(bank.subject), finding.curves["new"].x, finding.curves["new"].y):
        error = bank[need].views["test"].loss_nats[-1].mean(1).std(ddof=1) / np.sqrt(11)
        assert abs(mean - expected[value]) < 4 * error + 0.05 * expected[value]


def test_what_is_behind_the_peak_is_less_what_was_before(digits):
    finding, _ = OVER_WIDTH.measure(digits)
    y, at = np.array(finding.curves["new"].y), int(np.argmax(finding.curves["new"].y))
    assert finding.quantities["beyond_gain"].value == pytest.approx(y[:at].min() - y[at + 1 :].min())


def test_rows_of_the_control_have_no_part_in_what_was_seen():
    probe = Descent(vary="width", values=(5, 10, 20))
    bank = bank_of(probe, Flipped(task=Digits(n=100), share=0.3, control=True), RandomFeatures())
    finding, _ = probe.measure(bank)
    run = bank[probe.requires(bank.subject)[0]]
    mask = run.members.seen & ~bank.data.truth.control
    wrong = ~run.views["train"].correct[-1]
    expected = np.median((wrong * mask).sum(1) / mask.sum(1))
    assert finding.curves["seen"].y[0] == pytest.approx(expected)
