"""Intervals and ranks: fresh draws of examples, training sets and members; AUC, Spearman, Wilson, R2."""
