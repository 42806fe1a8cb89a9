"""Files of code that make no model, or an odd one: the member or the audit is refused with the reason."""

import textwrap

import pytest

HEAD = "import numpy as np\nx = np.random.default_rng(0).normal(size=(40, 3))\ny = np.arange(40) % 2\n"
TORCH = HEAD + "import torch\nfrom torch import nn\nx = x.astype('float32')\n"


def fit(body, head=HEAD, given="x, y, seed"):
    return f"{head}def fit({given}):\n{textwrap.indent(body, '    ')}\n"


def says(body):
    """A training whose model says what `body` returns of x."""
    return fit(f"def model(x):\n{textwrap.indent(body, '    ')}\nreturn model")


def net(forward="return self.layer(x)", init="self.layer = nn.Linear(3, 2)", given="self, x", after=""):
    return (f"{TORCH}class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        {init}\n"
            f"    def forward({given}):\n        {forward}\nmodel = Net\n{after}")  # fmt: skip


def estimator(fit="self.classes_ = np.unique(y)\n        return self", predict="return np.zeros(len(x), int)", more=""):
    return (f"{HEAD}from sklearn.base import BaseEstimator, ClassifierMixin\n"
            f"class Own(ClassifierMixin, BaseEstimator):\n    def fit(self, x, y):\n        {fit}\n"
            f"    def predict(self, x):\n        {predict}\n{more}model = Own()\n")  # fmt: skip


EYE = "return np.eye(2)[np.ones(len(x), int)]"
FAILS = {f"fit raises {word}": fit(f"raise {word}") for word in (
    "ValueError('no')", "KeyError('no')", "SystemExit(0)", "SystemExit('no')", "RecursionError", "MemoryError", "OSError(28, 'full')",
    "AssertionError", "StopIteration", "GeneratorExit", "Warning('no')", "UnicodeDecodeError('utf-8', b'', 0, 1, 'no')",
    "BaseException('no')", "ExceptionGroup('no', [ValueError()])",
)}  # fmt: skip
SAYS = {f"a model says {word}": says(body) for word, body in {
    "None": "return None", "a number": "return 1.0", "a text": "return 'yes'", "texts": "return ['a'] * len(x)", "NaN": "return np.full((len(x), 2), np.nan)",
    "infinities": "return np.full((len(x), 2), np.inf)", "too few": "return np.zeros((len(x) - 1, 2))", "too many": "return np.zeros((len(x) + 1, 2))",
    "three columns": "return np.zeros((len(x), 3))", "three axes": "return np.zeros((len(x), 2, 2))",
    "complex": "return np.zeros((len(x), 2)) * 1j", "objects": "return np.full((len(x), 2), None)", "a list of ragged rows": "return [[1], [1, 2]] * (len(x) // 2)",
    "nothing": "return np.zeros((0, 2))", "other classes": "return np.full(len(x), 7)", "negative classes": "return np.full(len(x), -1)", "fractions of classes": "return np.full(len(x), 0.5)",
    "a generator": "return (row for row in x)", "a mapping": "return {'logits': x}", "an error": "raise ZeroDivisionError('no')", "RecursionError": "return model(x)",
}.items()}  # fmt: skip
REFUSED = {
    "empty": "", "a null": "\0", "no Python": "{", "a null in a text": "x = '\0'", "an open bracket": "(" * 500, "deep brackets": "x = " + "(" * 150 + ")" * 150,
    "a byte that is no UTF-8": b"# \xff\nx = 1", "an unknown encoding": "# coding: nosuch\n", "only x": HEAD.replace("y =", "z ="), "no learner": HEAD, "imports what is not there": "import nosuch_module",
    "imports itself": "from mine import fit", "raises": "raise ValueError('no')", "exits": "import sys\nsys.exit(0)", "os._exit": "import os\nos._exit(0)", "recurses": "def f():\n    f()\nf()",
    "a task that is none": "task = 7\nlearner = 7", "a learner that is none": HEAD + "model = 7", "a model of text": HEAD + "model = 'Net'", "fit is none": HEAD + "fit = 7",
    "fit and model": fit("return None") + "model = fit", "x of text": fit(EYE).replace("x = np", "x = 'abc'\nz = np"), "x of None": "import numpy as np\nx = None\ny = [1]\nfit = print",
    "fewer labels": fit(EYE) + "y = y[:-1]", "labels of NaN": fit(EYE) + "y = y * np.nan", "test without labels": fit(EYE) + "x_test = x", "groups of other length": fit(EYE) + "groups = y[:-1]",
    "fit of one": fit("return None", given="x"), "fit of four": fit("return None", given="x, y, seed, more"), "fit of none": fit("return None", given=""), "fit of keywords": fit("return None", given="*, x, y, seed"),
    "fit gives None": fit("return None"), "fit gives a number": fit("return 1"), "fit gives a class": fit("return dict"), "fit gives a text": fit("return 'model'"), "fit gives arrays": fit("return x, y"),
    "fit yields": fit("yield 1"), "fit is asynchronous": fit("return 1").replace("def fit", "async def fit"), "the same module": TORCH + "net = nn.Linear(3, 2)\ndef fit(x, y, seed):\n    return net\n",
    "one module": TORCH + "model = nn.Linear(3, 2)", "the same module of a factory": TORCH + "net = nn.Linear(3, 2)\nmodel = lambda: net", "a factory of None": TORCH + "model = lambda: None", "a factory of 7": TORCH + "model = lambda: 7",
    "a factory of a class": TORCH + "model = lambda: nn.Linear", "a factory of arguments": TORCH + "def model(width):\n    return nn.Linear(3, width)", "a factory that raises": TORCH + "def model():\n    raise ValueError('no')", "a factory that exits": TORCH + "def model():\n    raise SystemExit(0)",
    "no parameters": net(init="pass", forward="return x[:, :2]"), "frozen parameters": net(init="self.layer = nn.Linear(3, 2).requires_grad_(False)"), "a module of other width": net(init="self.layer = nn.Linear(4, 2)"), "a module of one output": net(init="self.layer = nn.Linear(3, 1)"),
    "a module of many outputs": net(init="self.layer = nn.Linear(3, 9)"), "forward of keywords": net(given="self, *, x"), "forward of two": net(given="self, x, y"), "forward gives None": net("return None"), "forward gives a tuple": net("return self.layer(x), x"),
    "forward gives a number": net("return self.layer(x).sum()"), "forward gives NaN": net("return self.layer(x) * float('nan')"), "forward gives complex": net("return self.layer(x) * 1j"), "forward gives arrays": net("return self.layer(x).detach().numpy()"), "forward gives whole numbers": net("return self.layer(x).long()"),
    "forward gives half the rows": net("return self.layer(x)[::2]"), "forward raises": net("raise ValueError('no')"), "no __init__ of torch": net().replace("super().__init__()", "pass"), 
    "an estimator that raises": estimator("raise ValueError('no')"), "an estimator that says None": estimator(predict="return None"), "an estimator that says too few": estimator(predict="return np.zeros(3, int)"),
    "an estimator of other classes": estimator(predict="return np.full(len(x), 9)"), "an estimator of no clone": estimator(more="    def __init__(self, *a):\n        pass\n"), "probabilities of NaN": estimator(more="    def predict_proba(self, x):\n        return np.full((len(x), 2), np.nan)\n"),
    "probabilities beyond 1": estimator(more="    def predict_proba(self, x):\n        return np.full((len(x), 2), 3.0)\n"), **FAILS, **SAYS,
}  # fmt: skip
CHANGES = {
    "prints": "print('a' * 10000)", "writes to x": "x[:] = 0", "writes to y": "y[:] = 0", "changes the folder": "import os; os.chdir('/')", "closes standard output": "import sys; sys.stdout.close()",
    "seeds": "np.random.seed(0)", "warns": "import warnings; warnings.warn('no')", "raises on errors of numpy": "np.seterr(all='raise')", "changes the environment": "import os; os.environ.clear()",
    "takes the hooks": "import sys; sys.excepthook = sys.displayhook = None", "logs": "import logging; logging.basicConfig(level=0); logging.error('x')", "collects": "import gc; gc.disable()",
    "sets a limit": "import sys; sys.setrecursionlimit(150)", "listens to signals": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "changes types of torch": "import torch; torch.set_default_dtype(torch.float16)", "closes gradients": "import torch; torch.set_grad_enabled(False)",
}  # fmt: skip
ANSWERED = {
    **{f"fit that {name}": fit(f"{line}\nreturn lambda x: np.eye(2)[(x[:, 0] > 0).astype(int)]") for name, line in CHANGES.items()},
    "float64": net(init="self.layer = nn.Linear(3, 2).double()"), "a module that writes to x": net("x.mul_(1); return self.layer(x)"), "an estimator": estimator(), "an estimator without classes": estimator("return self"), "half": net(init="self.layer = nn.Linear(3, 2).half()"), "labels as a column": says("return np.zeros((len(x), 1))"), "labels that are all one class of the model": fit("return lambda x: np.zeros(len(x), int)"),
}  # fmt: skip


def tried(trials, kind, name, text, expects, sound):
    def write(folder):
        (folder / "mine.py").write_bytes(text if isinstance(text, bytes) else text.encode())

    words = ["mine.py", "--members", "8", "--jobs", "1", "--device", "cpu", "--out", "out", "--json"]
    ended = trials.ended(["audit", *words], write)
    problem = sound(ended.out, 40) if ended.code == 0 else ""
    trials.add(kind, name, ended, expects, problem, 20)


def test_code_that_makes_no_model_is_refused(sample, trials, sound):
    for name, text in sample(REFUSED):
        tried(trials, "code that makes no model", name, text, 2 if name in USAGE else (3, 6), sound)


def test_code_of_odd_manners_is_answered(sample, trials, sound):
    for name, text in sample(ANSWERED):
        tried(trials, "code of odd manners", name, text, 0, sound)


USAGE = {"a task that is none", "a learner that is none", "a model of text", "fit and model", "one module"}


@pytest.mark.parametrize("make", ["mkdir", "symlink_to"])
def test_a_file_that_is_none(make, trials):
    def prepare(folder):
        getattr(folder / "mine.py", make)(*(["mine.py"] if make == "symlink_to" else []))

    trials.add("code that makes no model", make, trials.ended(["audit", "mine.py", "--members", "8"], prepare), 2)
