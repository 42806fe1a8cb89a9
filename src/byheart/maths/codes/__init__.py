"""Codes: how many bits, or which share of a variance, are understood, memorised, left; and their calibration."""
