"""Codes: how many bits, or which share of a variance, are understood, memorised, left; and their calibration."""

from byheart.maths.codes.bank import bank_code
from byheart.maths.codes.variance import variance_budget

__all__ = ["bank_code", "variance_budget"]
