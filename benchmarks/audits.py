"""How long does the default audit take, first and again, how much memory, and how fast does the command start?

    python benchmarks/audits.py [--jobs 2]

Prints a table; wall and CPU seconds of the whole process tree, peak memory of its largest process and of the tree.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path


def tree_memory(root: int) -> int:
    """Bytes of a process and all its descendants, shared pages counted once (Linux, PSS)."""
    children: dict[int, list[int]] = {}
    resident: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                rollup = (entry / "smaps_rollup").read_text()
                resident[int(entry.name)] = 1024 * int(rollup.split("Pss:")[1].split()[0])
            except (OSError, IndexError):
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    total, left = 0, [root]
    while left:
        pid = left.pop()
        total += resident.get(pid, 0)
        left += children.get(pid, [])
    return total


def measured(words: list[str], folder: str) -> dict[str, float]:
    """Wall and CPU seconds, and peak memory, of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = [0]

    def watch() -> None:
        while process.poll() is None:
            peak[0] = max(peak[0], tree_memory(process.pid))
            time.sleep(0.3)

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    wall = time.perf_counter() - started
    watcher.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"code": code, "wall": wall, "cpu": cpu, "tree_mb": peak[0] / 1e6}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", default="auto")
    jobs = parser.parse_args().jobs
    command = [sys.executable, "-m", "byheart.cli.main"]
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            (
                "byheart --help (best of 5)",
                min((measured([*command, "--help"], folder) for _ in range(5)), key=lambda r: r["cpu"]),
            ),
            (
                "byheart list (best of 5)",
                min((measured([*command, "list"], folder) for _ in range(5)), key=lambda r: r["cpu"]),
            ),
            ("byheart audit", measured([*command, "audit", "--jobs", jobs], folder)),
            ("byheart audit, again", measured([*command, "audit", "--jobs", jobs], folder)),
            ("byheart audit co2", measured([*command, "audit", "co2", "--jobs", jobs, "--out", "series"], folder)),
        ]
        document = json.loads((Path(folder) / "byheart-audit" / "report.json").read_text())
        page = (Path(folder) / "byheart-audit" / "report.html").stat().st_size
        ledger = sum(p.stat().st_size for p in (Path(folder) / "byheart-audit" / "ledger").rglob("*") if p.is_file())
    print(f"{os.cpu_count()} cores, one torch thread a worker, jobs {jobs}")
    print(f"{'command':<28}{'exit':>5}{'wall s':>9}{'CPU s':>9}{'peak MB of the tree':>22}")
    for name, row in rows:
        print(f"{name:<28}{row['code']:>5.0f}{row['wall']:>9.2f}{row['cpu']:>9.2f}{row['tree_mb']:>22.0f}")
    seconds = document["provenance"]["cpu_seconds"]
    print(
        f"CPU s training {seconds['train']}, measuring {seconds['measure']} "
        f"({seconds['measure'] / seconds['train']:.0%} of training)"
    )
    print(f"report.html {page / 1e3:.0f} kB, ledger {ledger / 1e6:.0f} MB")
    for probe, name in (
        ("complexity/description-length", "understood_bits_share"),
        ("complexity/description-length", "memorised_bits_share"),
        ("complexity/description-length", "left_bits_share"),
        ("memory/counterfactual", "memorised_share"), ("memory/counterfactual", "reliability_probability"),
        ("memory/label-noise", "planted_auc"), ("generalization/gap", "train_accuracy"),
        ("generalization/gap", "test_accuracy"),
        ("generalization/gap", "gap"),
    ):  # fmt: skip
        found = document["findings"][probe]["quantities"][name]
        print(f"{name:<28}{found['value']:.4f}  {[round(x, 4) for x in found['interval']]}  null {found['null']:.4f}")


if __name__ == "__main__":
    main()
