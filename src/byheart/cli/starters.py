"""What `byheart init` writes: for each kind of model a script that runs as it stands, and defaults for `pyproject.toml`."""

from __future__ import annotations

from datetime import date, timedelta
from math import cos, pi
from random import Random

_DATA = """from sklearn.datasets import load_digits

# 1. Your training data: arrays, tensors or lists, one example per row. These stand in for them.
digits = load_digits()
x, y = (digits.data[:300] / 16).astype("float32"), digits.target[:300]

# 2. Examples that are new to the model, if you keep some. Without them 20 % of x are held out.
# x_test, y_test = ...

# Who shares a source (patients, scenes, users) is seen or left out together: one value per row of x.
# groups = [...]
"""

_HEAD = '"""What does {what} know by heart? Run: byheart audit my_audit.py"""\n\n'

SCRIPTS = {
    "torch": _HEAD.format(what="my torch model")
    + "from torch import nn\n"
    + _DATA
    + '''

# 3. A function that makes a fresh module; byheart trains each of them. Its settings are those of --set:
#    byheart audit my_audit.py --set epochs=30 --set lr=0.01
def model():
    """A fresh model; every member starts anew."""
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
''',
    "sklearn": _HEAD.format(what="my estimator")
    + "from sklearn.ensemble import RandomForestClassifier\n"
    + _DATA
    + """
# 3. Your estimator or pipeline, not yet fitted: every member is a clone of it.
model = RandomForestClassifier(n_estimators=20)
""",
    "fit": _HEAD.format(what="a model trained by my own code")
    + "from sklearn.linear_model import LogisticRegression\n"
    + _DATA
    + '''

# 3. Your training. What it returns is called on x, or asked by its predict_proba or predict.
#    It is run in other processes too, and remembered by its source: read no file in it that may change.
def fit(x, y, seed):
    """A model trained on x and y; the seed is for what is random in it."""
    return LogisticRegression(max_iter=500, random_state=seed).fit(x, y)
''',
    "table": _HEAD.format(what="a model of my table")
    + """from pathlib import Path

from sklearn.ensemble import HistGradientBoostingClassifier

from byheart.learners.estimator import Estimator
from byheart.tasks.table import Table

# 1. Your table (.csv or .parquet) and the column to predict. Types, dates and missing cells are inferred and printed.
#    example.csv stands in for it. More: drop=("name",), categorical=("zip",), group=("patient",), id="number"
task = Table.of(Path(__file__).with_name("example.csv"), target="grade")

# 2. Your estimator and its settings.
learner = Estimator.of(HistGradientBoostingClassifier(max_iter=20))

# Without a script: byheart audit example.csv --target grade --learner HistGradientBoostingClassifier
""",
    "text": _HEAD.format(what="a model of my text")
    + """from byheart.learners.ngram import Ngram
from byheart.tasks.text import Text

# 1. Your text, cut into passages. Python's own manual stands in for it; yours: Text.of("my_text.txt")
task = Text(n=300, n_test=100)

# 2. The model: counts of the last tokens here, which take seconds; byheart.learners.transformer.Transformer() takes
#    minutes. A model of your own: bh.audit(task, fit=...) in Python.
learner = Ngram(order=4)
""",
    "series": _HEAD.format(what="a model of my series")
    + '''from pathlib import Path

from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from byheart.tasks.series import Series

# 1. Your series (.csv, .parquet or .npz): rows in the order of time, the column of time, and the columns to follow (all
#    of numbers, if you name none). example.csv stands in for it. Of an array: Series.of_array(values, time)
task = Series.of(Path(__file__).with_name("example.csv"), time="day", channels="sales", window=7)


# 2. Your training. x (n, 7, 1) holds windows, in units of the training series; y (n, 1) what follows each of them, or
#    the change to it where the series drifts.
def fit(x, y, seed):
    """A model of windows: a linear map of their steps; the seed is for what is random in yours."""
    flat = FunctionTransformer(lambda windows: windows.reshape(len(windows), -1))
    return make_pipeline(flat, Ridge(alpha=0.1)).fit(x, y)


# Without a script: byheart audit example.csv --time day --window 7 --learner ridge
''',
}


def _example_table() -> str:
    """Two hundred rows made by a rule, and a few labels that break it."""
    rows = []
    for i in range(200):
        hours, sleep = (37 * i) % 41 / 2, 4 + (53 * i) % 17 / 4
        passed = (hours + 2 * sleep > 24) is not (i % 23 == 7)
        rows.append(f"{i},{hours},{sleep},{'north' if i % 3 else 'south'},{'pass' if passed else 'fail'}")
    return "\n".join(["number,hours,sleep,school,grade", *rows, ""])


def _example_series() -> str:
    """Four years of days: a week that comes again, and shocks of which a part is left on the next day."""
    rows, shock, start, draws = [], 0.0, date(2021, 1, 4), Random(0)
    for i in range(1456):
        shock = 0.6 * shock + 20 * (draws.random() - 0.5)
        rows.append(f"{start + timedelta(days=i)},{100 + 20 * cos(2 * pi * i / 7) + shock:.2f}")
    return "\n".join(["day,sales", *rows, ""])


EXAMPLES = {"table": {"example.csv": _example_table()}, "series": {"example.csv": _example_series()}}

_OPTIONS = """# Defaults of byheart audit and byheart plan; the command line wins. Every option has its key.
[tool.byheart]
members = 16  # models on random subsets; 64 are usual, and make intervals about half as wide
# budget = "5m"
# lever = ["weight-decay=0.001"]

# Bounds of byheart gate: exit code 0 held, 1 not held, 4 withheld (the interval contains the bound).
[tool.byheart.gate]
max = { memorised_bits_share = 0.3 }
"""
_OF_SERIES = """# Defaults of byheart audit and byheart plan; the command line wins. Every option has its key.
[tool.byheart]
members = 8  # models, each without some blocks of time; more make intervals narrower

# Bounds of byheart gate: exit code 0 held, 1 not held, 4 withheld (the interval contains the bound).
[tool.byheart.gate]
max = { memorised_share_of_variance = 0.3 }
min = { test_r2 = 0.2 }
fail-on = ["BH201"]  # its memory in time costs more than it brings
# strict = true  # withheld counts as not held
"""
TABLES = {
    kind: _OPTIONS + ("" if kind == "text" else 'min = { test_accuracy = 0.6 }\nfail-on = ["BH101"]\n')
    + "# strict = true  # withheld counts as not held\n"
    for kind in SCRIPTS
} | {"series": _OF_SERIES}  # fmt: skip
