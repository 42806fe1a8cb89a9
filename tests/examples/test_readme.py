"""The README: its first screen fits, and every snippet runs as it stands, on small data of the kinds that it names."""

import re
import shlex
import webbrowser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, TensorDataset

import byheart as bh
from byheart.cli.layout import wrapped
from byheart.maths.attribution.credit import path_credit

TEXT = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.S | re.M)
PYTHON = [text for kind, text in BLOCKS if kind == "python"]
LINES = [line for kind, text in BLOCKS if not kind for line in text.splitlines()]
COMMANDS = [shlex.split(line, comments=True)[1:] for line in LINES if line.startswith("byheart ") and " · " not in line]
N = 90
SMALL = ("--members", "4", "--jobs", "1", "--quiet")
pytestmark = pytest.mark.usefixtures("quick_page")


def test_the_first_screen_says_what_for_whom_and_how_in_40_lines_of_80():
    screen = TEXT.splitlines()[:40]
    assert max(map(len, screen)) <= 80
    told = "\n".join(screen)
    assert told.count("```") == 6  # three snippets, and none is cut
    for words in ("Know what your model", "For whoever trains a model", ".venv/bin/byheart audit", "bh.audit((x, y)"):
        assert words in told
    assert TEXT.splitlines()[39:42] == ["", "## The page", ""]


def test_the_short_output_is_of_the_long_one():
    outputs = [text.splitlines() for kind, text in BLOCKS if not kind and re.search(r"^  Understood", text, re.M)]
    short, long = outputs
    assert short == [part for line in long[1:4] for part in wrapped(line, 80)]


def test_nothing_else_stands_in_a_snippet():
    heads = [text.split("\n")[0].split(" · ")[0] for kind, text in BLOCKS if not kind]
    known = re.compile(
        r"python3 -m venv |byheart (init|audit digits|audit series.csv|show|measure) |  Understood|byheart (audit|balance|study)$|  Paired: | +membership |The model says "
    )
    assert [head for head in heads if not known.match(head)] == []


class Draws(Dataset):
    """Rows, or rows with noise that is drawn anew whenever they are read."""

    def __init__(self, x, y, noise):
        self.x, self.y, self.noise = x, y, noise

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i] + self.noise * torch.randn(self.x.shape[1]), int(self.y[i])


def make_model():
    return torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))


class Cnn(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 2)
        )

    def forward(self, x):
        return self.layers(x.movedim(-1, 1).float() / 255)


def fit(x, y, seed):
    return LogisticRegression(random_state=seed).fit(x, y)


def fit_rows(x, y, seed):
    assert isinstance(x, pd.DataFrame)
    model = make_pipeline(ColumnTransformer([("numbers", "passthrough", ["size"])]), Ridge())
    return model.fit(x, y)


def pictures(folder):
    rng = np.random.default_rng(3)
    for i in range(80):
        pixels = rng.integers(0, 120, (8, 8, 3), dtype=np.uint8)
        pixels[:4] += 100 * (i % 2)
        path = folder / "images" / ("top", "bottom")[i % 2] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def table():
    rng = np.random.default_rng(7)
    size = rng.uniform(20, 200, N).round(1)
    return pd.DataFrame({
        "case": [f"case-{i}" for i in range(N)], "patient": [f"p{i // 2}" for i in range(N)], "size": size,
        "kind": np.where(rng.random(N) < 0.5, "house", "flat"), "price": (3 * size + rng.normal(0, 20, N)).round(2),
        "cost": np.exp(size / 50 + rng.normal(0, 0.1, N)).round(2),
    })  # fmt: skip


def stand_ins(folder):
    """The names that the README takes from its reader."""
    x = torch.randn(N, 5, generator=torch.Generator().manual_seed(1))
    y = (x[:, 0] > 0).long()
    pictures(folder)
    frame = table()
    pipeline = make_pipeline(
        ColumnTransformer([("kinds", OneHotEncoder(), ["kind"]), ("numbers", "passthrough", ["size"])]), Ridge()
    )
    model = torch.nn.Linear(5, 2)
    return {
        "x": x, "y": y, "x_test": x[:30] + 0.1, "y_test": y[:30], "fit": fit, "fit_rows": fit_rows, "make_model": make_model, "make_cnn": Cnn,
        "RandomForestClassifier": lambda: RandomForestClassifier(n_estimators=5), "frame": frame, "pipeline": pipeline,
        "texts": pd.Series([f"word{i % 7} and word{i % 11}" for i in range(N)]), "labels": np.arange(N) % 7 % 2,
        "make_pipeline": make_pipeline, "TfidfVectorizer": TfidfVectorizer, "LogisticRegression": LogisticRegression, "Path": Path,
        "loader": DataLoader(TensorDataset(x, y), batch_size=16), "test_set": TensorDataset(x[:30] + 0.1, y[:30]),
        "augmented_loader": DataLoader(Draws(x, y, 0.1), batch_size=16), "plain_set": Draws(x, y, 0),
        "model": model, "optimizer": torch.optim.SGD(model.parameters(), lr=0.1), "batches": torch.arange(N).split(30),
        "cross_entropy": cross_entropy,
    }  # fmt: skip


def test_the_python_snippets_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = stand_ins(tmp_path)
    audited = bh.audit
    small = {"members": 8, "say": lambda line: None, "device": "cpu"}
    balanced = bh.balance
    monkeypatch.setattr(bh, "audit", lambda *given, **more: audited(*given, **small, **more))
    monkeypatch.setattr(bh, "balance", lambda *given, **more: balanced(*given, **small, **more))
    names["other"] = audited((names["x"], names["y"]), test=(names["x_test"], names["y_test"]), fit=fit, **small)
    assert len(PYTHON) == 3
    for text in PYTHON:
        exec(compile(text, "README.md", "exec"), names)
    assert {path.name for path in tmp_path.glob("*.*")} == {
        "report.html", "compare.html", "unlearn.html", "balance.toml", "issues.csv",
    }  # fmt: skip
    credit = path_credit(names["trace"], (names["x"][:1], names["y"][:1]))
    total = credit.initial + credit.examples.sum(1) + credit.decay + credit.remainder
    assert abs(total - credit.output).max() < 1e-4
    assert abs(credit.examples).max() > 0


MY_MODELS = "from sklearn.tree import DecisionTreeClassifier\n\n\ndef make_model():\n    return DecisionTreeClassifier(max_depth=3)\n"


def small(words):
    """The command with few members, and one epoch where byheart trains a network."""
    if words[0] == "unlearn":
        return [*words, "--models", "4"]
    if words[0] not in ("audit", "plan", "balance"):
        return words
    members = () if "--members" in words else ("--members", "8") if words[0] == "balance" else SMALL[:2]
    network = "--learner" not in words and not any(word.endswith(".py") for word in words)
    return [
        *words,
        *members,
        *SMALL[2:4],
        *(SMALL[4:] if words[0] == "audit" else ()),
        *(("--set", "epochs=1") if network else ()),
    ]


def test_the_commands_run_one_after_another(byheart, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    pictures(tmp_path)
    table().to_csv(tmp_path / "data.csv", index=False)
    days = pd.date_range("2024-01-01", periods=N).strftime("%Y-%m-%d")
    units = np.random.default_rng(1).poisson(2000, N) / 10
    pd.DataFrame({"day": days, "shop": np.arange(N) % 3, "units": units}).to_csv(tmp_path / "sales.csv", index=False)
    swing, turn = np.sin(np.arange(240) / 5), np.cos(np.arange(240) / 3)
    dates = pd.date_range("2024-01-01", periods=240).strftime("%Y-%m-%d")
    pd.DataFrame({"date": dates, "level": swing, "flow": turn}).to_csv(tmp_path / "series.csv", index=False)
    x = np.random.default_rng(7).normal(size=(N, 3))
    np.savez(tmp_path / "data.npz", x=x, y=(x[:, 0] > 0).astype(int))
    (tmp_path / "my_models.py").write_text(MY_MODELS)
    for name, depth in (("audit-a", 1), ("audit-b", 2)):
        words = (
            "data.npz",
            "--learner",
            "DecisionTreeClassifier",
            "--set",
            f"max_depth={depth}",
            "--out",
            name,
            *SMALL,
        )
        assert byheart("audit", *words).code == 0
    (tmp_path / "net.py").write_text("from torch import nn\n\n\ndef make():\n    return nn.Linear(3, 2)\n")
    (tmp_path / "ids.txt").write_text("3\n17\n40\n")
    weights = torch.nn.Linear(3, 2).state_dict()
    save_file(weights, tmp_path / "model.safetensors")
    for name in ("model.pt", "start.pt"):
        torch.save(weights, tmp_path / name)
    assert len(COMMANDS) == 30
    for words in COMMANDS:
        said = byheart(*small(words))
        assert said.code in ((0, 1, 4) if words[0] == "gate" else (0,)), (words, said.err)
        assert said.out, words
    assert len(opened) == 1
    assert (tmp_path / "issues.csv").is_file()
    assert list((tmp_path / "byheart-audit").glob("*.zip"))
