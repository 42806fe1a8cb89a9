"""The bit budget: an exact identity, blind to scale, honest about random labels, with its poles at the ends."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.mlp import Mlp
from byheart.learners.reference_learners import Oracle, Rote
from byheart.maths.codes.calibration import halves
from byheart.maths.codes.variance import variance_budget
from byheart.maths.statistics.intervals import budget_share_intervals
from byheart.probes.base import Bank, Subject, reason
from byheart.probes.complexity.description_length import Bits, lengths_of
from byheart.probes.complexity.description_length.baselines import shares
from byheart.probes.generalization.gap import Gap
from byheart.records.formatting import percent
from byheart.report.balance import course
from byheart.report.moves import _stop
from byheart.tasks.base import Task
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.testing.probes import bank_of
from byheart.training.members import Members, balanced

SHARES = ("understood_bits_share", "memorised_bits_share", "left_bits_share")


def share_of(finding, name):
    return finding.quantities[name].value


def rescaled(bank, factor):
    """The bank with every logit of the subject multiplied."""
    def of(run):
        views = {
            v: replace(o, logits=o.logits * factor, trail=None if o.trail is None else o.trail * np.float16(factor))
            for v, o in run.views.items()
        }
        return replace(run, views=views)

    own = {bank.subject.bank().key(), bank.subject.whole().key()}
    return replace(bank, runs={key: of(run) if key in own else run for key, run in bank.runs.items()})


class RandomClasses(Task):
    """Digits whose labels are five classes of unequal frequency, drawn without a look at the image."""

    name = "random-classes"

    def draw(self, seed):
        data = Digits(n=600).draw(seed)
        rng = np.random.default_rng(seed + 1)
        views = {v: replace(e, y=rng.choice(5, len(e), p=(0.4, 0.2, 0.2, 0.1, 0.1))) for v, e in data.views.items()}
        return replace(data, views=views, output=replace(data.output, k=5, classes=tuple("abcde")))


@pytest.fixture(scope="module")
def measured(noisy):
    return Bits().measure(noisy)


def test_the_identity_holds_for_every_example(measured):
    finding, columns = measured
    reference, inside, outside = (columns[name] for name in ("reference_bits", "in_bits", "out_bits"))
    parts = (reference - outside) + (outside - inside) + inside
    np.testing.assert_allclose(parts, reference, atol=1e-9)
    q = finding.quantities
    for part, column in (("reference", reference), ("understood", reference - outside), ("memorised", outside - inside), ("left", inside)):
        assert q[f"{part}_bits"].value == pytest.approx(column.sum(), abs=1e-9 * reference.sum())
    assert sum(share_of(finding, name) for name in SHARES) == pytest.approx(1, abs=1e-12)
    total = sum(q[f"{part}_bits"].value for part in ("understood", "memorised", "left"))
    assert total == pytest.approx(q["reference_bits"].value, abs=1e-9 * total)


def test_the_reference_is_the_class_frequencies(noisy, measured):
    y = noisy.data.train.y
    counts = np.bincount(y, minlength=10) + 0.5
    np.testing.assert_allclose(measured[1]["reference_bits"], -np.log2(counts / counts.sum())[y], rtol=1e-12)


@pytest.mark.parametrize("factor", [0.3, 20.0])
def test_the_scale_of_the_logits_moves_no_share(noisy, measured, factor):
    finding = Bits().measure(rescaled(noisy, factor))[0]
    for name in SHARES:
        assert share_of(finding, name) == pytest.approx(share_of(measured[0], name), abs=0.001), name
    assert finding.balance.one_model.memorised.value == pytest.approx(measured[0].balance.one_model.memorised.value, abs=0.001)


@pytest.mark.parametrize(
    "task", [Flipped(task=Digits(n=600), share=1.0), RandomClasses()], ids=["ten classes", "five unequal classes"]
)
def test_random_labels_are_memorised_and_not_understood(task, card):
    bank = bank_of(Bits(), task, Mlp(hidden=(64,), epochs=30, lr=0.01), members=12, way="stacked")
    finding = Bits().measure(bank)[0]
    assert abs(share_of(finding, "understood_bits_share")) < 0.01
    assert share_of(finding, "memorised_bits_share") > 0.25
    assert course(finding.balance.model_dump()).startswith("Nothing was understood at any epoch")
    assert not any("predict other labels" in sentence for sentence in card(bank, finding).body)


def test_rote_memorises_all_and_oracle_nothing():
    task = Flipped(task=Digits(n=300), share=0.2)
    rote, oracle = (Bits().measure(bank_of(Bits(), task, learner))[0] for learner in (Rote(), Oracle()))
    assert share_of(rote, "understood_bits_share") == pytest.approx(0, abs=0.01)
    assert share_of(rote, "memorised_bits_share") == pytest.approx(1, abs=0.01)
    assert share_of(oracle, "memorised_bits_share") == pytest.approx(0, abs=0.01)
    assert share_of(oracle, "understood_bits_share") > 0.4
    assert [pole.name for pole in rote.poles] == ["Oracle", "Rote"]


def test_a_constant_model_leaves_everything(make_bank, mask, rng):
    y = rng.integers(0, 4, 120)
    finding = Bits().measure(make_bank(y, np.tile([3.0, 1.0, 0.0, -2.0], (16, 120, 1)), mask))[0]
    found = [share_of(finding, name) for name in SHARES]
    # a and b are fitted on the other half: 2 parameters cost about 1 nat of 60 labels, out of about 2 bits each
    np.testing.assert_allclose(found, [0, 0, 1], atol=0.03)


@pytest.mark.parametrize("memory", [True, False])
def test_halves_that_contradict_each_other_are_said_to_be_worse_than_a_blind_guess(make_bank, answers, mask, card, memory):
    """Answers that are mostly right in one half of the calibration and mostly wrong in the other, as groups by lot are."""
    y, often = np.arange(120) % 2, np.arange(120) % 10 < 7
    first = halves(120, 0, groups=make_bank(y, answers(y, mask, 2), mask).groups)
    bank = make_bank(y, answers(y, (often == first) | (mask & memory), 2), mask)
    finding = Bits().measure(bank)[0]
    assert finding.quantities["understood_bits_share"].interval[1] < 0
    (said,) = (line for line in card(bank, finding).body if line.startswith("Nothing is understood"))
    assert "does not hold for the other half" in said
    assert (share_of(finding, "memorised_bits_share") > 1) == memory == ("exceeds 100 %" in said)


def test_what_may_be_understood_is_not_called_worse_than_a_blind_guess(noisy, measured, card):
    assert not any(line.startswith("Nothing is understood") for line in card(noisy, measured[0]).body)


def test_wrong_labels_are_bet_against(noisy, measured, card):
    finding, columns = measured
    changed = noisy.data.truth.changed
    understood = columns["reference_bits"] - columns["out_bits"]
    wrong = understood[changed]
    assert wrong.mean() + 4 * wrong.std(ddof=1) / np.sqrt(len(wrong)) < 0
    right = understood[~changed]
    assert right.mean() - 4 * right.std(ddof=1) / np.sqrt(len(right)) > 0
    said = card(noisy, finding)
    assert any("predict other labels" in sentence for sentence in said.body)
    assert said.charts[0].bars[2].segments[2].label.startswith("worse than a blind guess")
    assert sum(finding.tables["parts"].values["n"][1:]) == len(changed)
    assert finding.tables["parts"].values["out_bits"][2] == pytest.approx(columns["out_bits"][changed].mean())


def test_copies_do_not_make_the_interval_narrower(noisy):
    """Every example twice: the same evidence, resampled together, so the same interval."""
    twice = np.repeat(np.arange(len(noisy.data.train)), 2)
    run = noisy[noisy.subject.bank()]
    lengths = lengths_of(noisy, run, run.members.mask)
    once = budget_share_intervals(lengths.reference_bits, lengths.member_bits, run.members.mask, noisy.groups)
    pair = (lengths.reference_bits[twice], lengths.member_bits[:, twice], run.members.mask[:, twice])
    together = budget_share_intervals(*pair, noisy.groups[twice])
    apart = budget_share_intervals(*pair, np.arange(len(twice)))
    assert together.memorised.standard_error >= 0.99 * once.memorised.standard_error
    assert apart.memorised.standard_error < 0.95 * together.memorised.standard_error


def test_exact_copies_are_one_group(make_bank, mask, rng):
    x = rng.normal(size=(120, 3)).astype(np.float32)
    x[5] = x[9]
    bank = make_bank(rng.integers(0, 3, 120), rng.normal(size=(16, 120, 3)), mask, x=x)
    assert bank.groups[5] == bank.groups[9]
    assert len(np.unique(bank.groups)) == 119


def test_masks_permuted_leave_no_memory(noisy, measured):
    """The printed null, and the null of other permutations: 4 standard errors over permutations."""
    run = noisy[noisy.subject.bank()]
    found = []
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(len(run.members))
        lengths = lengths_of(noisy, run, run.members.mask[order])
        inside, outside = (
            np.where(side, lengths.member_bits, 0).sum(0) / side.sum(0)
            for side in (run.members.mask[order], ~run.members.mask[order])
        )
        found.append((outside - inside).sum() / lengths.reference_bits.sum())
    allowed = 4 * np.std(found, ddof=1)
    assert abs(np.mean(found)) < allowed
    assert abs(measured[0].quantities["memorised_bits_share"].null - np.mean(found)) < allowed
    assert share_of(measured[0], "memorised_bits_share") > allowed


def test_the_trail_ends_where_the_recipe_stands(noisy, measured):
    balance = measured[0].balance
    assert [point.epoch for point in balance.trail] == list(noisy[noisy.subject.bank()].checkpoints)
    end, model = balance.trail[-1], balance.model
    # 16 of 16 members keep their trail, in half precision
    for name in ("understood", "memorised", "left"):
        assert getattr(end, name) == pytest.approx(getattr(model, name).value, abs=0.002)
    start = balance.trail[0]
    assert (start.understood, start.memorised) == pytest.approx((0, 0), abs=0.02)


def test_few_members_on_many_examples_leave_no_gap_in_trail_and_null():
    """The first 16 members leave out too little: what they cannot say is left out, and never NaN."""
    data = Digits(n=60).draw(0)
    learner, share = Mlp(hidden=(4,), epochs=3), 0.95
    subject = Subject(Digits(n=60), learner, (), 0, 40, share, frozenset({"classes", "test"}))
    from byheart.training.training import Training

    run = learner.fit(data, balanced(60, 40, share, 0), Training(subject.checkpoints(), way="stacked"))
    assert run.members.mask[:16].all(0).any()
    assert not run.members.mask.all(0).any()
    finding = Bits().measure(Bank(subject, data, {subject.bank().key(): run}))[0]
    assert all(np.isfinite([point.understood, point.memorised]).all() for point in finding.balance.trail)


def test_the_oracle_is_asked_where_there_is_one():
    """A known best loss is not enough: of values and tokens there is no oracle."""
    for kind, asked in (("classes", True), ("next step", True), ("values", False), ("tokens", False)):
        subject = Subject(Digits(n=60), Mlp(), offers=frozenset({kind, "test", "oracle"}))
        assert (subject.baseline("oracle") in Bits().requires(subject)) is asked, kind


def test_one_model_is_named_as_one_draw(noisy, measured, card):
    (sentence,) = (one for one in card(noisy, measured[0]).body if "one model" in one)
    assert "one draw of the recipe" in sentence
    one = measured[0].balance.one_model
    low, high = one.memorised.interval
    assert f"memorised {percent(one.memorised.value)} [{100 * low:.1f}, {100 * high:.1f}] and left" in sentence
    assert f"left {percent(one.left.value)}:" in sentence


@pytest.mark.parametrize("points, said", [
    ([(0.0, 0.0), (0.4, 0.1), (0.5, 0.2), (0.45, 0.3)], "after epoch 2 memory grew by 10 points, understanding fell by 5.0"),
    ([(0.0, 0.0), (0.4, 0.1), (0.5, 0.2), (0.495, 0.3)], "after epoch 2 memory grew by 10 points, understanding did not"),
    ([(0.0, 0.0), (0.4, 0.1), (0.5, 0.2), (0.6, 0.3)], "was still growing at the last epoch, with 25"),
    ([(0.0, 0.0), (0.4, 0.1), (0.6, 0.2), (0.605, 0.3)], "no longer grew towards the last epoch, with 25"),
    ([(0.0, 0.0), (0.0, 0.1), (-0.1, 0.2), (0.005, 0.3)], "Nothing was understood at any epoch; 25"),
    ([(0.0, 0.0), (0.4, 0.1)], "There are no checkpoints"),
])  # fmt: skip
def test_the_way_is_told_of_the_members_whose_trail_it_is(points, said):
    """The last of the trail is the recipe; the sentence compares the end of the members that went there."""
    trail = [{"epoch": i, "understood": u, "memorised": m} for i, (u, m) in enumerate(points)]
    recipe = [*trail[:-1], {"epoch": len(trail) - 1, "understood": 0.7, "memorised": 0.9}]
    assert said in course({"model": {"memorised": {"value": 0.25}}, "trail": recipe, "end": trail[-1]})


def test_a_stop_is_a_row_of_what_moves_the_balance():
    """Read off the trail of a network that learns noise by heart after it learned the digits."""
    bank = bank_of(Bits(), Flipped(task=Digits(n=300), share=0.3), Mlp(hidden=(64,), epochs=40, lr=0.01), way="stacked")
    (move,) = Bits().measure(bank)[0].balance.moves
    row = _stop(move.model_dump())
    assert row["name"] == f"stop at epoch {move.epoch}"
    assert f"against epoch {move.last}," in row["note"]
    assert row["memorised"]["value"].startswith("\u2212")
    low, high = move.memorised.interval
    assert low < move.memorised.value < high < 0
    assert row["memorised"]["interval"] == f"[{100 * low:.1f}, {100 * high:.1f}]".replace("-", "\u2212")


def test_values_have_a_budget_of_their_variance(values, card):
    finding, columns = Bits().measure(values)
    names = ("understood_share", "memorised_share_of_variance", "left_share")
    found = [share_of(finding, name) for name in names]
    run = values[values.subject.bank()]
    predictions = run.views["train"].logits[:, :, 0]
    assert sum(found) == 1
    np.testing.assert_allclose(found, variance_budget(values.data.train.y, predictions, run.members.mask), atol=1e-6)
    gap = Gap().measure(values)[0].quantities
    assert gap["held_out_r2"].value == pytest.approx(found[0], abs=1e-9)
    assert gap["train_r2"].value == pytest.approx(1 - found[2], abs=1e-9)
    assert columns["held_out_error"].mean() == pytest.approx(1 - found[0], abs=1e-9)
    assert not any("bits" in name for name in finding.quantities)
    said = card(values, finding)
    words = " ".join((finding.question, said.says, *said.body, *said.how, said.charts[0].reading))
    assert "label" not in words
    assert "cannot tell" in words
    balance = finding.balance
    assert [point.epoch for point in balance.trail] == list(run.checkpoints)
    assert balance.trail[-1].understood == pytest.approx(found[0], abs=1e-9)
    assert balance.model.understood.value == found[0]
    assert {rival.name for rival in balance.rivals} == {"1-nearest neighbour", "ridge regression", "chance"}
    rote = balance.poles[0]
    assert (rote.name, rote.understood, rote.memorised) == ("Rote", pytest.approx(0, abs=1e-6), pytest.approx(1, abs=1e-6))


@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_the_trail_of_large_values_is_not_cut(make_bank, mask, rng, offset):
    """Predictions are kept in half precision along the trail; the errors are not."""
    y = offset + 1e5 * rng.normal(size=120)
    means = (mask @ y) / mask.sum(1)
    course = [means[:, None] + part * (y - means[:, None]) for part in (0.0, 0.5, 0.9, 1.0)]
    finding = Bits().measure(make_bank(y, np.stack(course)[..., None], mask, kind="values"))[0]
    understood = [point.understood for point in finding.balance.trail]
    np.testing.assert_allclose(understood, [0, 0.75, 0.99, 1], atol=1e-5)


def test_a_variance_that_rests_on_few_values_is_withheld(make_bank, mask, rng, card):
    y = np.exp(3 * rng.normal(size=120))
    bank = make_bank(y, np.tile(y.mean(), (16, 120, 1)), mask, kind="values")
    for probe in (Bits(), Gap()):
        finding = probe.measure(bank)[0]
        assert finding.status == "withheld"
        assert finding.withheld.code == "heavy tail"
        assert finding.withheld.figures["effective"] == finding.quantities[f"{probe.quantity}_effective_deviations"].value
        assert "Below 30 a variance, and R2 with it" in card(bank, finding).how[0]
        assert set(finding.quantities) <= {f"{probe.quantity}_effective_deviations", "held_out_loss", "best_epoch", "held_out_loss_rise"}
    y = rng.normal(size=120)
    assert Bits().measure(make_bank(y, np.tile(y.mean(), (16, 120, 1)), mask, kind="values"))[0].status == "measured"


def test_by_heart_above_one_says_why(make_bank, mask, rng, card):
    y = rng.normal(size=120)
    guesses = np.where(mask, y, -y)[..., None]
    bank = make_bank(y, guesses, mask, kind="values")
    finding = Bits().measure(bank)[0]
    assert share_of(finding, "memorised_share_of_variance") > 1
    assert "exceeds 100 %" in card(bank, finding).body[0]


def test_all_labels_changed_draws_one_bar(noisy, measured, card):
    truth = replace(noisy.data.truth, changed=np.ones(300, bool))
    bank = replace(noisy, data=replace(noisy.data, truth=truth))
    said = card(bank, Bits().measure(bank)[0])
    assert len(said.charts[0].bars) == 1
    assert any("the labels we changed (300)" in sentence for sentence in said.body)
    assert len(card(noisy, measured[0]).charts[0].bars) == 3


def test_shares_skip_examples_without_both_sides(make_bank, mask, rng):
    bank = make_bank(rng.integers(0, 3, 120), rng.normal(size=(16, 120, 3)), mask)
    from byheart.probes.complexity.description_length import code_of

    one_sided = mask.copy()
    one_sided[:, 0] = True
    assert np.isfinite(shares(code_of(bank, bank[bank.subject.bank()], mask=one_sided))).all()
    seen_by_all = replace(bank[bank.subject.bank()], members=Members(np.arange(16), one_sided))
    answer = Bits().measure(replace(bank, runs={bank.subject.bank().key(): seen_by_all}))[0]
    assert answer.reason == reason("one-sided", examples=1, of=120)


@pytest.mark.parametrize("positives, status", [(8, "withheld"), (12, "withheld"), (60, "measured"), (200, "measured")])
def test_bits_that_a_few_rare_labels_carry_are_withheld(positives, status, make_bank, answers):
    """Of 400 labels 8 are rare: log2(50) bits each, 45 of 57 bits in all, as much as 9.9 equal labels (Kish)."""
    mask = balanced(400, 16, 0.7, seed=0).mask
    y = (np.arange(400) < positives).astype(int)
    found = Bits().measure(make_bank(y, answers(y, mask, 2), mask))[0]
    assert found.status == status
    if positives == 8:
        rho = np.where(y, np.log2(400 / 8), np.log2(400 / 392))
        effective = pytest.approx(rho.sum() ** 2 / (rho @ rho))
        assert found.withheld.code == "rare labels"
        assert found.withheld.figures == {"labels": 400, "effective": effective, "needed": 20, "rarest": 8}


def test_few_normal_values_are_not_called_heavy_tails(make_bank, rng):
    """60 normal values count as about 20 squared deviations: there are too few, and no logarithm makes them more."""
    y, mask = rng.normal(size=60), balanced(60, 16, 0.7, seed=0).mask
    held = Bits().measure(make_bank(y, np.zeros((16, 60, 1)), mask, kind="values"))[0].withheld
    assert (held.code, held.figures["values"], held.figures["groups"]) == ("few deviations", 60, 60)
