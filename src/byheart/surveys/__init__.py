"""Surveys: one reading of the findings of many subjects."""
