"""The one way numbers are rounded and written, for page, charts and terminal alike.

Digits follow the interval; a narrow no-break space stands before %, and minus is the true minus sign.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from byheart.records.quantity import Quantity

MINUS, NARROW, DASH = "\u2212", "\u202f", "\u2013"
_PER_CENT = {"share", "accuracy"}
_COUNTED = {"examples", "pairs", "epochs", "steps", "members", "subjects"}
_SUFFIX = {"nats": " nats", "seconds": " s", "bits/byte": " bits per byte", "log10": " powers of ten"}
_SUFFIX_OF_VALUES = {**_SUFFIX, "bits/parameter": " bits per parameter", "bits/value": " bits"}
_SMALLEST_P = 1e-4
_WHY_NO_INTERVAL = {
    "exact": "it follows exactly from the data",
    "no spread": "nothing differs that could spread",
    "too few": "too few independent draws",
    "one split": "one split alone",
    "one model": "one model alone",
    "description": "it describes the data",
    "beside its null": "it is compared with its null",
    "not made": "none is made for it",
}
_ZERO = 1e-12  # below it a number is the rounding error of a 0


def number(value: float, decimals: int = 0) -> str:
    """`value` with thousands separated and a true minus sign; from 10^15 with a power of ten.

    Example:
        >>> number(16609.62), number(-4.44, 2), number(-0.001), number(2e300)
        ('16,610', '\u22124.44', '0', '2.00e+300')
    """
    text = f"{value:,.{decimals}f}" if abs(value) < 1e15 else f"{value:.2e}"
    if text.startswith("-"):
        text = text[1:] if not text.strip("-0.,") else MINUS + text[1:]
    return text


def count(value: int) -> str:
    """A whole number with thousands separated."""
    return number(value, 0)


def counted(n: int, noun: str, several: str = "") -> str:
    """A number with its noun, in the singular where it is one.

    Example:
        >>> counted(1, "jump"), counted(2000, "jump"), counted(3, "stretch", "stretches")
        ('1 jump', '2,000 jumps', '3 stretches')
    """
    return f"{count(n)} {noun if n == 1 else several or noun + 's'}"


def percent(share: float, decimals: int = 1) -> str:
    """A share as per cent.

    Example:
        >>> percent(0.2281)
        '22.8\u202f%'
    """
    return f"{number(100 * share, decimals)}{NARROW}%"


def decimals_for(width: float) -> int:
    """Digits after the point that an interval `width` wide can support (two figures of its half).

    Example:
        >>> decimals_for(0.014), decimals_for(2.9), decimals_for(480.0)
        (4, 1, 0)
    """
    if width <= 0 or not math.isfinite(width):
        return 1
    return max(0, min(4, 1 - math.floor(math.log10(width / 2))))


def value_text(quantity: Quantity) -> str:
    """The value with its unit, as the page shows it.

    Example:
        >>> value_text(Quantity(value=0.131, unit="points", interval=(0.11, 0.15), null=0, n=5))
        '13.1 points'
        >>> value_text(Quantity(value=0.0031, unit="share", interval=(0.0028, 0.0034), null=0, n=5))
        '0.310\u202f%'
    """
    value, unit = quantity.value, quantity.unit
    if unit in _PER_CENT:
        return percent(value, _of_a_point(quantity))
    if unit == "points":
        return f"{number(100 * value, _of_a_point(quantity))} points"
    if unit == "bits":
        return f"{bits(value, quantity.interval)} bits"
    if unit in _COUNTED:
        return _counted(number(value, 0), unit)
    if unit == "setting":
        return amount(value, unit)
    if unit == "p-value":
        return f"p = {_p_value(value)}" if value >= _SMALLEST_P else f"p < {_SMALLEST_P}"
    digits = decimals_for(quantity.interval[1] - quantity.interval[0]) if quantity.interval else 3
    return f"{number(value, max(_fewest(quantity), min(digits, 3)))}{_SUFFIX_OF_VALUES.get(unit, '')}"


def _fewest(quantity: Quantity) -> int:
    """Decimals at least: two, but of large squared errors, whose unit may be any."""
    return 0 if quantity.unit == "squared error" and abs(quantity.value) >= 100 else 2


def _p_value(value: float) -> str:
    """Two figures, and at least two digits after the point."""
    return number(value, max(2, 1 - math.floor(math.log10(value))))


def _of_a_point(quantity: Quantity) -> int:
    """Digits of per cent: one, and as many as an interval narrower than half a point can support."""
    low, high = quantity.interval or (0.0, 1.0)
    width = 100 * (high - low)
    return min(3, decimals_for(width)) if 0 < width < 0.5 else 1


def bits(value: float, interval: tuple[float, float] | None = None) -> str:
    """Bits, to tens when the interval is wide, to one to three decimals when it is narrow.

    Example:
        >>> bits(4665.5, (4430.0, 4910.0)), bits(12.34, (11.0, 13.0)), bits(0.0034, (-0.0039, 0.0118))
        ('4,670', '12.3', '0.003')
    """
    width = interval[1] - interval[0] if interval else 0.02 * abs(value)
    if interval and width < 0.5:
        return number(value, max(2, decimals_for(width) - 1))
    return number(round(value, -1), 0) if width >= 100 else number(value, 0 if width >= 20 else 1)


def interval_text(quantity: Quantity) -> str:
    """The 95 % interval in brackets, in the value's unit; empty where there is none.

    Example:
        >>> interval_text(Quantity(value=0.228, unit="share", interval=(0.214, 0.242), null=0, n=5))
        '[21.4, 24.2]'
    """
    if quantity.interval is None:
        return ""
    low, high = quantity.interval
    if quantity.unit in _PER_CENT or quantity.unit == "points":
        digits = _of_a_point(quantity)
        return f"[{number(100 * low, digits)}, {number(100 * high, digits)}]"
    if quantity.unit == "bits":
        return f"[{bits(low, quantity.interval)}, {bits(high, quantity.interval)}]"
    if quantity.unit in _COUNTED:
        return f"[{number(low)}, {number(high)}]"
    if quantity.unit == "setting":
        return f"[{amount(low, quantity.unit)}, {amount(high, quantity.unit)}]"
    digits = max(_fewest(quantity), min(decimals_for(high - low), 3))
    return f"[{number(low, digits)}, {number(high, digits)}]"


def no_interval_text(quantity: Quantity) -> str:
    """Why there is no interval; empty where there is one, or a sentence of its own.

    Example:
        >>> no_interval_text(Quantity(value=0.2, unit="share", interval=None, null=0, n=5, why_no_interval="exact"))
        'no interval: it follows exactly from the data'
    """
    return f"no interval: {_WHY_NO_INTERVAL[why]}" if (why := quantity.why_no_interval) else ""


def null_text(quantity: Quantity) -> str:
    """The null value in the quantity's unit, never 0 where it is not; empty where there is none.

    A measured null of bits or a share that fell below 0 is 0: nothing can be memorised less than not at all.

    Example:
        >>> null_text(Quantity(value=500.0, unit="bits", interval=(400.0, 600.0), null=-18.0, n=5))
        '0 bits (measured \u221218)'
        >>> null_text(Quantity(value=0.5, unit="share", interval=(0.4, 0.6), null=1e-7, n=5))
        '0.00001\u202f%'
    """
    if quantity.null is None:
        return ""
    null = _snapped(quantity.null)
    if null < 0 and quantity.unit in ("bits", "share"):
        measured = null_text(quantity.model_copy(update={"null": -null}))
        return f"{_zero(quantity)} (measured {MINUS}{measured.removesuffix(' bits')})"
    if quantity.unit in _PER_CENT:
        return percent(null, max(_of_a_point(quantity), _needed(100 * null)) if null else 1)
    if quantity.unit == "points":
        return f"{number(100 * null, _at_least(1, 100 * null))} points"
    wide = quantity.interval is not None and quantity.interval[1] - quantity.interval[0] >= 20
    if quantity.unit == "bits" and wide:
        return f"{number(null, _at_least(0, null))} bits"
    if quantity.unit == "bits":
        return f"{_few(null)} bits"
    return _trimmed(number(null, _at_least(2, null))) + _SUFFIX.get(quantity.unit, "")


def _zero(quantity: Quantity) -> str:
    return null_text(quantity.model_copy(update={"null": 0.0}))


def label_text(y: Any, classes: Sequence[str] = ()) -> str:
    """What stands beside an example: its class, or its value; nothing beside a passage, which is its own label.

    Args:
        y: code of a class, a value, the tokens of a passage, or None.
        classes: names of the classes; none for values.

    Example:
        >>> label_text(1, ("cat", "dog")), label_text(385123.4), label_text(0.123456), label_text([3, 1])
        ('dog', '385123', '0.1235', '')
    """
    if y is None or isinstance(y, list | tuple) or getattr(y, "ndim", 0):
        return ""
    if classes:
        return str(classes[int(y)])
    value = float(y)
    whole = abs(value) < 1e15 and (value.is_integer() or abs(value) >= 1e4)
    return f"{value:.0f}" if whole else f"{value:.4g}"


def with_article(noun: str) -> str:
    """A noun with its article; capitals are read letter by letter.

    Example:
        >>> [with_article(noun) for noun in ("image", "row", "MLP 64-8-10", "RandomForestClassifier")]
        ['an image', 'a row', 'an MLP 64-8-10', 'a RandomForestClassifier']
    """
    sounds = "AEFHILMNORSX" if noun[:2].isupper() else "aeioAEIO"
    return f"{'an' if noun[:1] and noun[0] in sounds else 'a'} {noun}"


def _counted(text: str, unit: str) -> str:
    """A count with its unit, in the singular where it is one."""
    return f"{text} {unit.removesuffix('s') if text == '1' else unit}"


def amount(value: float, unit: str) -> str:
    """A bare value (a pole, a tick) in `unit`, with no more digits than it needs.

    Example:
        >>> amount(1.0, "share"), amount(-0.045, "points"), amount(0.5, "auc"), amount(16610.0, "bits")
        ('100\u202f%', '\u22124.5 points', '0.5', '16,610 bits')
        >>> amount(0.0002, "share"), amount(0.0, "share")
        ('0.02\u202f%', '0\u202f%')
    """
    value = _snapped(value)
    if unit in _PER_CENT:
        return percent(value, _needed(100 * value))
    if unit == "points":
        return f"{number(100 * value, _needed(100 * value))} points"
    if unit == "bits":
        return f"{_few(value)} bits"
    if unit in _COUNTED:
        return _counted(number(value, _at_least(0, value)), unit)
    return _trimmed(number(value, _at_least(2, value))) + _SUFFIX.get(unit, "")


def _few(bits_: float) -> str:
    """Bits without an interval: whole ones, two decimals below 20."""
    if abs(bits_) >= 20:
        return number(bits_, 0)
    return _trimmed(number(bits_, _at_least(2, bits_)))


def _trimmed(text: str) -> str:
    return text.rstrip("0").removesuffix(".") if "." in text else text


def _snapped(value: float) -> float:
    return 0.0 if abs(value) < _ZERO else value


def _at_least(decimals: int, value: float) -> int:
    """`decimals`, or as many more as it takes for one figure of what is not 0."""
    if value == 0 or abs(value) > 0.5 * 10.0**-decimals:
        return decimals
    return -int(f"{value:.0e}".partition("e")[2])  # the place of its first figure, after rounding to it


def _needed(value: float) -> int:
    """Decimals of a per cent without which a value would read as another: none for whole ones, else one figure."""
    if abs(value) < 0.05:
        return _at_least(0, value)
    return 0 if abs(value - round(value)) < 0.05 else 1
