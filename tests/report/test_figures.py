"""Bare numbers and nulls: what is not 0 never reads as 0, in any unit; what is rounding error does."""

from typing import get_args

import pytest
from pydantic import ValidationError

from byheart.records.facts import FactTable
from byheart.records.formatting import amount, interval_text, null_text, value_text
from byheart.records.quantity import Quantity, Unit, interval_by
from byheart.report.cards.default import table_of

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


@pytest.mark.parametrize("unit, value, interval, told, ends, null", [
    ("steps", 1200.0, (900.0, 1500.0), "1,200 steps", "[900, 1,500]", "0"),
    ("seconds", 3.217, (3.1, 3.3), "3.217 s", "[3.100, 3.300]", "0 s"),
    ("bits/byte", 1.8431, (1.7, 2.0), "1.84 bits per byte", "[1.70, 2.00]", "0 bits per byte"),
    ("p-value", 0.0123, None, "p = 0.012", "", "0"),
    ("p-value", 0.3, None, "p = 0.30", "", "0"),
    ("p-value", 2e-7, None, "p < 0.0001", "", "0"),
    ("nats", 0.6931, (0.5, 0.9), "0.69 nats", "[0.50, 0.90]", "0 nats"),
])  # fmt: skip
def test_units_as_they_are_written(unit, value, interval, told, ends, null):
    found = Quantity(value=value, unit=unit, null=0.0, n=9, **interval_by("by hand", interval))
    assert (value_text(found), interval_text(found), null_text(found)) == (told, ends, null)


def test_an_unknown_unit_is_refused():
    with pytest.raises(ValidationError, match="unit"):
        Quantity(value=1.0, unit="parsecs", interval=None, why_no_interval="exact", null=None, n=1)
    with pytest.raises(ValidationError, match="units"):
        FactTable(values={"far": (1.0,)}, units={"far": "parsecs"})


def test_a_matrix_is_a_table_whose_cells_have_a_unit():
    made = FactTable.matrix("after phase", (1, 2), ("first", "second"), [[0.95, 0.1], [0.2, None]], "accuracy")
    table = table_of(made)
    assert table.columns == ("after phase", "first", "second")
    assert table.rows == (("1", "95\u202f%", "10\u202f%"), ("2", "20\u202f%", "\u2013"))
    with pytest.raises(ValidationError, match="numbers and gaps alone"):
        FactTable(values={"label": ("cat",)}, units={"label": "share"})
    with pytest.raises(ValidationError, match="no such column"):
        FactTable(values={"label": (1,)}, units={"lable": "share"})
