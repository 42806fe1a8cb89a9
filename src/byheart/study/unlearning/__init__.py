"""Unlearning: the rows that must go, the steps that let them go, and what models still say of them."""
