"""Point by point: a verdict is withheld exactly when the interval that decides contains its threshold, however wide."""

import numpy as np
import pytest

from byheart.records.finding import Finding
from byheart.records.quantity import Quantity, interval_by
from byheart.registry import find, names
from byheart.verdicts.memory_in_time import NEGLIGIBLE
from byheart.verdicts.rules import HALF_WIDTH, LISTED, MEMORISED, MEMORISED_OF_VALUES
from byheart.verdicts.training import MATTERS

DRAWS = 200
CERTAIN = (0.5, (0.4, 0.6))  # of a second quantity: beyond doubt, and not what decides


def made(value, interval=None, null=0.0):
    return Quantity(value=value, unit="share", null=null, n=500, **interval_by("by hand", interval))


def course(rise, fall=None, name="held_out_code"):
    """Of 2 bits 1 was understood at best, so that 2 % of it are 0.02."""
    found = {f"{name}_rise": made(*rise), name: made(1 + rise[0], null=2.0), "best_held_out_epoch": made(5.0)}
    return found | ({"held_out_accuracy_fall": made(*fall)} if fall else {})


def beside(lead, unit, name):
    held, seen = made(0.7, (0.6, 0.8)), made(-0.25, (-0.3, -0.2))
    return {f"held_out_{unit}": held, f"{name}_held_out_{unit}": held, f"{name}_held_out_lead": made(*lead), f"{name}_train_lead": seen}


def sharp(gain):
    return {"held_out_temperature": made(2.0), "held_out_raw_bits": made(1.0), "held_out_temperature_gain": made(*gain)}


# what is judged -> verdict, probe, threshold, the quantities that a value and its interval make
JUDGED = {
    "listed labels": ("BH101", "memory/label-noise", LISTED, lambda *of: {"worth_checking_share": made(*of)}),
    "memorised bits": ("BH102", "complexity/description-length", MEMORISED, lambda *of: {"memorised_bits_share": made(*of)}),
    "memorised variance": ("BH102", "complexity/description-length", MEMORISED_OF_VALUES, lambda *of: {"memorised_share_of_variance": made(*of)}),
    "code before": ("BH104", "complexity/description-length", MATTERS, lambda *of: course(of, CERTAIN)),
    "accuracy before": ("BH104", "complexity/description-length", 0.0, lambda *of: course(CERTAIN, of)),
    "code of text before": ("BH104", "complexity/description-length", MATTERS, lambda *of: course(of)),
    "R2 before": ("BH104", "complexity/description-length", MATTERS, lambda *of: course(of, name="held_out_error")),
    "1-nearest neighbour": ("BH105", "generalization/gap", 0.0, lambda *of: beside(of, "accuracy", "neighbours")),
    "logistic regression": ("BH105", "generalization/gap", 0.0, lambda *of: beside(of, "accuracy", "linear")),
    "ridge regression": ("BH105", "generalization/gap", 0.0, lambda *of: beside(of, "r2", "ridge")),
    "a 3-gram": ("BH105", "generalization/gap", 0.0, lambda *of: beside(of, "bits_a_token", "ngram")),
    "memory in time": ("BH201", "dynamics/window", NEGLIGIBLE, lambda *of: {"paid_bits": made(*of), "best_window": made(1.0)}),
    "temperature": ("BH106", "generalization/gap", MATTERS, lambda *of: sharp(of)),
}


def judged(what, value, interval):
    name, probe, _, quantities = JUDGED[what]
    found = quantities(value, interval)
    finding = Finding(probe=probe, question="By hand?", headline=next(iter(found)), quantities=found, reference="here")
    return find("verdict", name)().judge({probe: finding})


def test_every_verdict_with_an_interval_is_here():
    """BH103 judges the width itself, and BH101's copies are counted."""
    assert {name for name, *_ in JUDGED.values()} == set(names("verdict")) - {"BH103"}


@pytest.mark.parametrize("what", JUDGED)
def test_withheld_exactly_when_the_interval_contains_the_threshold(what):
    """Intervals of every width and place, and their values anywhere in them."""
    threshold, rng = JUDGED[what][2], np.random.default_rng(0)
    outcomes = set()
    for _ in range(DRAWS):
        width = 10 ** rng.uniform(-4, 0)
        low = threshold + width * rng.uniform(-2, 1)
        interval = (low, low + width)
        expected = "withheld" if interval[0] <= threshold <= interval[1] else "tip" if low > threshold else "passed"
        found = judged(what, rng.uniform(*interval), interval)
        assert found.outcome == expected, f"{found.outcome} where {threshold} is held against {interval}"
        outcomes.add(expected)
    assert outcomes == {"withheld", "tip", "passed"}


@pytest.mark.parametrize("what", JUDGED)
@pytest.mark.parametrize("width", [0.0, 0.29, 0.9])
def test_a_wide_interval_beside_the_threshold_is_judged(what, width):
    threshold = JUDGED[what][2]
    above, below = (threshold + 1e-6, threshold + 1e-6 + width), (threshold - 1e-6 - width, threshold - 1e-6)
    assert judged(what, sum(above) / 2, above).outcome == "tip"
    assert judged(what, sum(below) / 2, below).outcome == "passed"


def test_an_interval_of_29_points_clears_a_tenth():
    found = judged("memorised bits", 0.75, (0.605, 0.894))
    assert found.outcome == "tip"
    assert "[60.5, 89.4]" in found.title


@pytest.mark.parametrize("half", [0.0, 0.0499, 0.0501, 0.2, 0.6])
def test_the_width_alone_withholds_nothing(half):
    share = made(0.5, (0.5 - half, 0.5 + half))
    found = {"complexity/description-length": Finding(probe="complexity/description-length", question="By hand?", headline="memorised_bits_share",
                                        quantities={"memorised_bits_share": share}, reference="here")}  # fmt: skip
    assert find("verdict", "BH103")().judge(found).outcome == ("tip" if half > HALF_WIDTH else "passed")
    assert find("verdict", "BH102")().judge(found).outcome == ("withheld" if half > 0.4 else "tip")
