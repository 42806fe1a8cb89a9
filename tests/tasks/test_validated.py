"""A view to choose by: the test in two, copies on one side, training as it was."""

from __future__ import annotations

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.tasks.arrays import Arrays
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.tasks.validated import Validated


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_the_test_is_cut_in_two_and_training_is_as_it_was(share):
    plain, data = Digits(n=60).draw(3), Validated(task=Digits(n=60), share=share).draw(3)
    test, chosen = data.views["test"], data.views["validation"]
    assert abs(len(chosen) - share * 360) <= 1
    assert sorted([*test.ids, *chosen.ids]) == sorted(plain.views["test"].ids)
    assert np.array_equal(data.train.x, plain.train.x)
    assert data.truth.clean_views == ("validation",)
    other = Validated(task=Digits(n=60), share=share).draw(4).views["validation"]
    assert set(other.ids) != set(chosen.ids)


def test_labels_redrawn_for_training_leave_it_clean_inside_and_outside():
    inside = Validated(task=Flipped(task=Digits(n=60), share=0.5)).draw(0)
    outside = Flipped(task=Validated(task=Digits(n=60)), share=0.5).draw(0)
    for data in (inside, outside):
        assert data.truth.clean_views == ("validation",)
        known = dict(zip(Digits(n=60).draw(0).views["test"].ids, Digits(n=60).draw(0).views["test"].y, strict=True))
        chosen = data.views["validation"]
        assert [known[i] for i in chosen.ids] == chosen.y.tolist()
        assert data.truth.changed.sum() > 10


def test_copies_in_the_test_stay_on_one_side():
    rng = np.random.default_rng(0)
    x_test = np.repeat(rng.normal(size=(40, 3)), 3, axis=0)
    task = Arrays.of(
        rng.normal(size=(60, 3)), rng.integers(0, 2, 60), x_test=x_test, y_test=np.repeat(rng.integers(0, 2, 40), 3)
    )
    data = Validated(task=task).draw(0)
    sides = [{tuple(row) for row in data.views[view].x} for view in ("test", "validation")]
    assert not sides[0] & sides[1]
    assert [len(data.views[view]) for view in ("test", "validation")] == [60, 60]


def test_a_small_test_is_refused():
    rng = np.random.default_rng(0)
    task = Arrays.of(
        rng.normal(size=(60, 3)), rng.integers(0, 2, 60), x_test=rng.normal(size=(30, 3)), y_test=rng.integers(0, 2, 30)
    )
    with pytest.raises(InputRefused, match=r"30 examples of which 0\.5"):
        Validated(task=task).draw(0)
