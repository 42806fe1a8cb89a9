"""docs/measure.md: its commands and its Python run as they stand."""

import re
import shlex
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import cross_entropy

import byheart as bh

TEXT = (Path(__file__).parents[2] / "docs" / "measure.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.S | re.M)
NET = "from torch import nn\n\n\ndef make():\n    return nn.Linear(3, 2)\n"


def test_the_commands_and_the_python_run(byheart, tmp_path, capsys):
    x, model = torch.randn(40, 3, generator=torch.Generator().manual_seed(1)), nn.Linear(3, 2)
    y, start = (x[:, 0] > 0).long(), {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    with bh.record(model, optimizer, "cross-entropy", (x, y)) as trace:
        for _ in range(5):
            optimizer.zero_grad()
            cross_entropy(model(x), y).backward()
            trace.batch(range(40))
            optimizer.step()
    trace.save(tmp_path / "trace")
    (tmp_path / "net.py").write_text(NET)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    torch.save(model.state_dict(), tmp_path / "model.pt")
    torch.save(start, tmp_path / "start.pt")
    np.savez(tmp_path / "data.npz", x=x.numpy(), y=y.numpy())
    np.savez(tmp_path / "new.npz", x=x.numpy() + 0.1, y=y.numpy())
    commands = [shlex.split(line)[1:] for kind, text in BLOCKS if not kind for line in text.splitlines() if line.startswith("byheart ")]
    assert len(commands) == 5
    for words in commands:
        said = byheart(*words)
        assert said.code == 0, said.err
        assert "param-norm" in said.out
    (python,) = [text for kind, text in BLOCKS if kind == "python"]
    exec(compile(python, "measure.md", "exec"), {"bh": bh, "model": model, "start": start, "x": x, "y": y, "x_test": x + 0.1, "y_test": y})
    assert "Gap" in capsys.readouterr().out


def test_what_saves_the_weights_is_what_a_refusal_says():
    from byheart.learners.checkpoint_file import SAFE

    (line,) = [text.strip() for kind, text in BLOCKS if not kind and text.startswith("safetensors")]
    assert line in SAFE
