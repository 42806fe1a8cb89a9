"""What `byheart init` writes: for each kind of model a script that runs as it stands, and defaults for `pyproject.toml`."""

from __future__ import annotations

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
}


def _example_table() -> str:
    """Two hundred rows made by a rule, and a few labels that break it."""
    rows = []
    for i in range(200):
        hours, sleep = (37 * i) % 41 / 2, 4 + (53 * i) % 17 / 4
        passed = (hours + 2 * sleep > 24) is not (i % 23 == 7)
        rows.append(f"{i},{hours},{sleep},{'north' if i % 3 else 'south'},{'pass' if passed else 'fail'}")
    return "\n".join(["number,hours,sleep,school,grade", *rows, ""])


EXAMPLES = {"table": {"example.csv": _example_table()}}

_OPTIONS = """# Defaults of byheart audit and byheart plan; the command line wins. Every option has its key.
[tool.byheart]
members = 16  # models on random subsets; 64 are usual, and make intervals about half as wide
# budget = "5m"
# lever = ["weight-decay=0.001"]

# Bounds of byheart gate: exit code 0 held, 1 not held, 4 withheld (the interval contains the bound).
[tool.byheart.gate]
max = { memorised_bits_share = 0.3 }
"""
TABLES = {
    kind: _OPTIONS + ("" if kind == "text" else 'min = { test_accuracy = 0.6 }\nfail-on = ["BH101"]\n')
    + "# strict = true  # withheld counts as not held\n"
    for kind in SCRIPTS
}  # fmt: skip
