"""Ways to make trained models forget some of their training examples, from their kept weights.

Each is a frozen record of its settings with `forget(trained, rows)`: the models, changed, as a run. None of them trains
from scratch; `methods.METHODS` lists them.
"""
