"""How far is what `byheart plan` says from what the audit takes? CPU seconds and peak memory, on ten subjects.

    python benchmarks/forecasts.py [--only NAME]

Prints a table: subject, forecast and measured CPU seconds and MB, and their ratios. Memory is that of the process tree,
shared pages counted once. Fails where a ratio is above 1.5 or below 1/1.5.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from audits import measured

LIMIT = 1.5
MEMBERS = ["--members", "8", "--device", "cpu"]
ONE = [*MEMBERS, "--jobs", "1"]
SUBJECTS: dict[str, list[str]] = {
    "embedded images": ONE,
    "embedded images, 2 jobs": [*MEMBERS, "--jobs", "2"],
    "embedded images, 32 members": ["--members", "32", "--device", "cpu", "--jobs", "1"],
    "digits, conv": ["digits", "--learner", "conv", "--set", "epochs=3", *ONE],
    "digits, a tree": ["digits", "--learner", "DecisionTreeClassifier", *ONE],
    "text": ["text", "--set", "epochs=2", *ONE],
    "table of 2,000 rows": ["small.csv", "--target", "y", *ONE],
    "table of 50,000 rows": ["large.csv", "--target", "y", "--set", "epochs=1", *ONE],
    "table of 50,000 rows, a tree": ["large.csv", "--target", "y", "--learner", "DecisionTreeClassifier", *ONE],
    "values, 5,000 rows, ridge": ["values.npz", "--learner", "Ridge", *ONE],
    "images of 3,072 bytes": ["images.npz", "--set", "epochs=2", *ONE],
}


def prepare(folder: Path) -> None:
    """The files that the subjects read."""
    rng = np.random.default_rng(0)
    for name, n in (("small", 2000), ("large", 50_000)):
        x = rng.normal(size=(n, 10))
        y = (x[:, 0] + rng.normal(size=n) > 0).astype(int)
        rows = (",".join([*(f"{value:.4f}" for value in row), "yes" if label else "no"]) for row, label in zip(x, y))
        (folder / f"{name}.csv").write_text("\n".join(["a,b,c,d,e,f,g,h,i,j,y", *rows]))
    x = rng.uniform(-1, 1, size=(5000, 8))
    np.savez(folder / "values.npz", x=x, y=x[:, 0] + rng.uniform(-1, 1, size=5000))
    pictures = rng.integers(0, 256, (4000, 32, 32, 3)).astype(np.uint8)
    np.savez(folder / "images.npz", x=pictures, y=rng.integers(0, 10, 4000))


def spent(document: dict) -> str:
    """Where the CPU seconds of the steps went."""
    seconds = document["provenance"]["cpu_seconds"]
    return f"training {seconds['train']:.1f}, measuring {seconds['measure']:.1f}"


def main() -> int:
    """Run and print; 1 where a forecast is too far off."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    only = parser.parse_args().only
    command, far = [sys.executable, "-m", "byheart.cli.main"], 0
    heads = f"{'forecast s':>11}{'CPU s':>8}{'ratio':>7}{'forecast MB':>13}{'MB':>7}{'ratio':>7}"
    print(f"{'subject':<32}{heads}  of which s")
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        for name, words in SUBJECTS.items():
            if only not in name:
                continue
            answer = subprocess.run([*command, "plan", *words, "--json"], cwd=folder, capture_output=True, check=True)
            plan = json.loads(answer.stdout)
            row = measured([*command, "audit", *words, "--out", name.replace(" ", "-")], folder)
            if row["code"] != 0:
                print(f"{name}: exit code {row['code']}")
                far += 1
                continue
            cpu, megabytes = plan["cpu_seconds"], plan["memory_bytes"] / 1e6
            ratios = [row["cpu"] / cpu if cpu else None, row["tree_mb"] / megabytes]
            far += sum(ratio is not None and not 1 / LIMIT <= ratio <= LIMIT for ratio in ratios)
            document = json.loads((Path(folder) / name.replace(" ", "-") / "report.json").read_text())
            said, ratio = ("unknown", "") if cpu is None else (f"{cpu:.1f}", f"{ratios[0]:.2f}")
            print(
                f"{name:<32}{said:>11}{row['cpu']:>8.1f}{ratio:>7}{megabytes:>13.0f}{row['tree_mb']:>7.0f}"
                f"{ratios[1]:>7.2f}  {spent(document)}", flush=True,
            )  # fmt: skip
    print("Every forecast is within 1.5." if not far else f"{far} figures are further off than {LIMIT}.")
    return int(far > 0)


if __name__ == "__main__":
    sys.exit(main())
