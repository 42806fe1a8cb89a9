"""Data size and deduplication: who was trained on what, and that the run says so."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from byheart.auditing.compared_side import pairing_of
from byheart.errors import InputRefused
from byheart.learners.mlp import Mlp
from byheart.levers.base import Lever
from byheart.levers.data_size import DataSize, Deduplication
from byheart.probes.base import Subject
from byheart.tasks.data import Data, Examples
from byheart.tasks.digits import Digits
from byheart.tasks.in_phases import InPhases
from byheart.tasks.systems.observed_maps import ObservedLogistic
from byheart.training.active_levers import moved, narrowed
from byheart.training.members import balanced, subsets
from byheart.training.record_member import recorded
from byheart.training.training import Training

LEARNER = Mlp(hidden=(16,), epochs=4, batch=16, lr=0.01)
DIGITS = Digits(n=120).draw(0)


def with_copies(times: int = 3, phases: int = 1) -> Data:
    """100 digits of which the first 20 stand there so often."""
    plain = Digits(n=100).draw(0)
    rows = np.concatenate([np.arange(100), np.tile(np.arange(20), times - 1)])
    examples = plain.train.take(rows)
    train = Examples(np.arange(len(rows)), examples.x, examples.y)
    order = np.random.default_rng(0).permutation(len(rows))
    cut = tuple(np.array_split(order, phases)) if phases > 1 else ()
    return Data({"train": train, "test": plain.views["test"]}, plain.output, plain.truth, plain.about, cut)


COPIED = with_copies()


def test_members_are_trained_on_their_share_and_the_run_says_on_what():
    members = balanced(120, 4, 0.7, seed=1, groups=DIGITS.groups)
    run = LEARNER.fit(DIGITS, members, Training((0,), levers=[DataSize(share=0.5)], way="stacked"))
    assert run.members.seen.sum(1).tolist() == [42] * 4
    assert not (run.members.seen > members.seen).any()
    assert np.array_equal(run.members.unseen, np.logical_not(run.members.seen))
    again = LEARNER.fit(DIGITS, run.members, Training((0,), way="stacked"))  # drawn so, and without the lever
    assert np.array_equal(run.views["train"].loss_nats, again.views["train"].loss_nats)


def test_a_smaller_share_is_a_part_of_a_larger_one_and_other_seeds_have_the_same():
    members = balanced(120, 4, 0.7, seed=1, groups=DIGITS.groups)
    large, small = (narrowed(members, DIGITS, [DataSize(share=s)]).seen for s in (0.6, 0.2))
    assert not (small > large).any()
    other = narrowed(members.reseeded(), DIGITS, [DataSize(share=0.6)]).seen
    assert np.array_equal(other, large)
    assert len({row.tobytes() for row in large}) == 4
    chosen = large.sum() / members.seen.sum()
    assert abs(chosen - 0.6) < 0.01


def test_copies_stay_or_go_together():
    members = balanced(len(COPIED.train), 4, 0.7, seed=1, groups=COPIED.groups)
    seen = narrowed(members, COPIED, [DataSize(share=0.5)]).seen
    for group in np.unique(COPIED.groups):
        assert (np.ptp(seen[:, COPIED.groups == group].astype(int), axis=1) == 0).all()


def test_windows_of_a_series_that_are_left_out_count_as_neither():
    data = ObservedLogistic(n=300, n_test=60).draw(0)
    members = subsets("blocks", len(data.train), 2, 0.7, 0, data.groups, gap=2, order=data.train.meta["time"])
    made = narrowed(members, data, [DataSize(share=0.5)])
    assert np.array_equal(made.unseen, members.unseen)
    assert made.gap.sum() > members.gap.sum()


def test_the_subject_says_what_share_is_trained_on():
    assert Subject(Digits(), LEARNER, (DataSize(share=0.5), DataSize(share=1))).seen_share == pytest.approx(0.35)


class Greedy(Lever):
    """It shows members what was held out from them."""

    name = "greedy"

    def trained_on(self, seen, data):
        return np.ones_like(seen)


def test_a_lever_that_shows_what_was_held_out_is_refused():
    with pytest.raises(InputRefused, match="greedy to leave out"):
        LEARNER.fit(DIGITS, balanced(120, 2, 0.7, seed=1), Training((0,), levers=[Greedy()], way="stacked"))


@pytest.mark.parametrize("share, left", [(0, 140), (0.5, 120), (1, 100)])
def test_of_copies_one_is_trained_on_and_all_of_them_count_as_seen(share, left):
    made = moved(COPIED, [Deduplication(share=share)])
    rows = made.courses[0]
    assert len(rows) == left
    assert set(range(100)) <= set(rows.tolist())  # the first stays
    members = balanced(140, 3, 0.7, seed=1, groups=COPIED.groups)
    run = LEARNER.fit(COPIED, members, Training((0,), levers=[Deduplication(share=share)], way="stacked"))
    assert np.array_equal(run.members.seen, members.seen)


def test_it_is_the_training_on_what_is_left():
    members = balanced(140, 2, 0.7, seed=1, groups=COPIED.groups)
    run = LEARNER.fit(COPIED, members, Training((0,), levers=[Deduplication(share=1)], way="stacked"))
    first = np.arange(140) < 100
    alone = LEARNER.fit(COPIED.of_rows(first), members.of_rows(first), Training((0,), way="stacked"))
    assert np.array_equal(run.views["train"].loss_nats[:, :, first], alone.views["train"].loss_nats)


def test_a_copy_with_another_target_stays():
    y = COPIED.train.y.copy()
    y[130] = (y[130] + 1) % 10
    data = replace(COPIED, views={**COPIED.views, "train": replace(COPIED.train, y=y)})
    assert len(moved(data, [Deduplication(share=1)]).courses[0]) == 101


def test_in_phases_each_phase_loses_what_it_repeats():
    data = with_copies(phases=2)
    made = moved(data, [Deduplication(share=1)])
    for phase, left in zip(data.phases, made.phases, strict=True):
        contents = COPIED.train.x[left].reshape(len(left), -1)
        assert len(np.unique(contents, axis=0)) == len(left)
        assert len(np.unique(COPIED.train.x[phase].reshape(len(phase), -1), axis=0)) == len(left)


def test_without_copies_it_is_refused_by_name():
    with pytest.raises(InputRefused, match=r"deduplication.*none is an exact copy.*memory/duplicates"):
        LEARNER.fit(
            DIGITS, balanced(120, 2, 0.7, seed=1), Training((0,), levers=[Deduplication(share=1)], way="stacked")
        )


def test_copied_examples_are_learned_by_heart_less():
    """Wrong labels that stand there five times, with their copies and without."""
    plain = with_copies(5)
    y = plain.train.y.copy()
    wrong = np.arange(10)
    for row in wrong:
        y[(plain.train.x == plain.train.x[row]).all((1, 2))] = (y[row] + 3) % 10
    data = replace(plain, views={**plain.views, "train": replace(plain.train, y=y)})
    members = balanced(len(y), 8, 0.7, seed=0, groups=data.groups)
    by_heart = []
    for share in (0, 0.5, 1):
        run = LEARNER.fit(data, members, Training((0,), levers=[Deduplication(share=share)], way="stacked"))
        right = run.views["train"].correct[-1][:, wrong]
        seen = run.members.seen[:, wrong]
        by_heart.append(right[seen].mean() - right[~seen].mean())
    assert by_heart[0] > by_heart[1] + 0.05 > by_heart[2] + 0.1, by_heart


def test_in_phases_seen_is_a_part_of_each_phase():
    data = InPhases(task=Digits(n=120), phases=2).draw(0)
    members = balanced(120, 2, 0.7, seed=1)
    run = LEARNER.fit(data, members, Training((0,), levers=[DataSize(share=0.5)], way="stacked"))
    assert run.members.seen.sum(1).tolist() == [42, 42]


def test_a_recording_follows_deduplication_and_refuses_other_members():
    one = balanced(140, 1, 0.7, seed=1, groups=COPIED.groups)
    _, trace = recorded(LEARNER, COPIED, one, levers=[Deduplication(share=1)])
    assert {int(i) for part, *_ in trace.parts for i in part.ids} <= set(range(100))
    with pytest.raises(InputRefused, match="the lever data-size"):
        recorded(LEARNER, COPIED, one, levers=[DataSize(share=0.5)])


def test_two_audits_of_which_one_left_out_examples_are_not_paired_for_the_share():
    members, subject = balanced(120, 4, 0.7, seed=1, groups=DIGITS.groups), {"seed": 0, "share": 0.7}
    sides = [
        SimpleNamespace(
            run=LEARNER.fit(DIGITS, members, Training((0,), levers=levers, way="stacked")), keys=levers, subject=subject
        )
        for levers in ([], [DataSize(share=0.8)], [DataSize(share=1)])
    ]
    assert pairing_of(sides[0], sides[1]) == "other share"
    assert pairing_of(sides[0], sides[2]) in ("paired", "same models")
