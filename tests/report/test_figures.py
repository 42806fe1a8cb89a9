"""Bare numbers and nulls: what is not 0 never reads as 0, in any unit; what is rounding error does."""

from typing import get_args

import pytest

from byheart.records.figures import amount, null_text
from byheart.records.quantity import Quantity, Unit, interval_by

UNITS = get_args(Unit)


def null_of(value, unit, interval=(0.1, 0.9)):
    return null_text(Quantity(value=0.5, unit=unit, null=value, n=9, **interval_by("by hand", interval)))


def figures(text):
    """The digits of a number as it is written, without zeros that only hold a place."""
    return "".join(c for c in text if c.isdigit()).strip("0")


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("value", [1e-9, 1e-7, 0.0002, 0.003, 0.004, 0.04, 0.3, -0.003])
def test_one_figure_is_left_of_what_is_not_zero(value, unit):
    expected = f"{abs(value):.0e}"[0]
    assert figures(amount(value, unit)) == expected
    assert figures(null_of(value, unit)) == expected
    assert figures(null_of(value, unit, (0.0, 1000.0))) == expected


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("value", [0.0, 1e-13, -1e-16])
def test_a_rounding_error_is_zero(value, unit):
    for text in (amount(value, unit), null_of(value, unit)):
        assert figures(text) == ""
        assert "0" in text
        assert "\u2212" not in text


@pytest.mark.parametrize("value, unit, told", [
    (0.003, "correlation", "0.003"), (0.004, "bits/parameter", "0.004"), (0.0002, "points", "0.02 points"),
    (1e-7, "share", "0.00001\u202f%"), (34.2, "bits", "34 bits"), (0.5, "auc", "0.5"), (1.0, "share", "100\u202f%"),
    (0.1, "share", "10\u202f%"), (1 / 3, "auc", "0.33"), (100.0, "ratio", "100"),
])  # fmt: skip
def test_amounts_as_they_are_written(value, unit, told):
    assert amount(value, unit) == told


@pytest.mark.parametrize("value, unit, interval, told", [
    (0.0002, "points", (0.1, 0.2), "0.02 points"), (34.2, "bits", (0, 900), "34 bits"), (0.01, "share", None, "1.0\u202f%"),
    (0.0, "share", None, "0.0\u202f%"), (0.0, "points", None, "0.0 points"), (0.003, "correlation", None, "0.003"),
])  # fmt: skip
def test_nulls_as_they_are_written(value, unit, interval, told):
    assert null_of(value, unit, interval) == told
