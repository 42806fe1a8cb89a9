"""A task in phases: which example is in which, and what is refused."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.tasks.arrays import Arrays
from byheart.tasks.digits import Digits
from byheart.tasks.in_phases import InPhases
from byheart.tasks.label_noise import Flipped


def test_every_example_is_in_the_phase_of_its_class_in_every_view():
    data = InPhases(task=Digits(n=200), phases=3).draw(0)  # classes 0-3, 4-6, 7-9
    for view in data.views.values():
        assert np.array_equal(view.meta["phase"], np.digitize(view.y, (4, 7)))
    assert [set(data.train.meta["phase"][rows]) for rows in data.phases] == [{0}, {1}, {2}]
    assert sorted(np.concatenate(data.phases).tolist()) == list(range(200))


def test_nothing_else_changes():
    data, plain = InPhases(task=Digits(n=200)).draw(0), Digits(n=200).draw(0)
    for name, view in plain.views.items():
        assert all(np.array_equal(getattr(view, what), getattr(data.views[name], what)) for what in ("ids", "x", "y"))


def test_redrawn_labels_stay_in_the_phase_of_the_label_they_came_with():
    within = InPhases(task=Flipped(task=Digits(n=200), share=0.5)).draw(0)
    over = Flipped(task=InPhases(task=Digits(n=200)), share=0.5).draw(0)
    for data in (within, over):
        assert np.array_equal(data.train.meta["phase"], (data.truth.clean > 4).astype(int))


def test_by_order_any_data_have_phases():
    data = InPhases(task=Arrays.of(np.eye(40), np.arange(40.0), task="values"), phases=3).draw(0)
    n = len(data.train)
    assert np.array_equal(np.concatenate(data.phases), np.arange(n))
    assert "phase" not in data.views["test"].meta  # nobody knows


@pytest.mark.parametrize("task, phases, by, said", [
    (Digits(n=40), 11, "classes", "10 for 11 phases"),
    (Arrays.of(np.eye(40), np.arange(40.0), task="values"), 2, "classes", "by=order"),
    (InPhases(task=Digits(n=40)), 2, "classes", "2 phases"),
])  # fmt: skip
def test_what_cannot_be_cut_is_refused(task, phases, by, said):
    with pytest.raises(InputRefused, match=said):
        InPhases(task=task, phases=phases, by=by).draw(0)
