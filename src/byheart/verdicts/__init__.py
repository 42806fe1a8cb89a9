"""Judgement, apart from measurement. List a new verdict in `byheart.registry`."""
