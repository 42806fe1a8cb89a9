"""Models and their training. List a new learner in `byheart.registry`."""
