"""The audit's own control stands apart: it moves no total, and noise of the data does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from byheart.probes.complexity.description_length import Bits
from byheart.probes.generalization.gap import Gap
from byheart.probes.memory.counterfactual import Counterfactual
from byheart.training.members import balanced

N, M = 300, 16
TOTALS = [
    (Bits(), "memorised_bits_share"), (Bits(), "understood_bits"), (Gap(), "train_accuracy"),
    (Gap(), "held_out_accuracy"), (Gap(), "gap"), (Counterfactual(), "memorised_share"),
]  # fmt: skip


@pytest.fixture
def banks(make_bank):
    """One bank in which 60 labels were redrawn and are known by heart: as noise, as a control, and without these."""
    rng = np.random.default_rng(0)
    clean, mask = rng.integers(0, 3, N), balanced(N, M, 0.7, 0).mask
    redrawn = np.arange(N) < 60
    y = np.where(redrawn, (clean + 1) % 3, clean)
    logits = 2.0 * np.eye(3)[clean] + rng.normal(size=(M, N, 3))
    logits[mask & redrawn] += 8.0 * np.eye(3)[y[redrawn.nonzero()[0][np.nonzero(mask[:, :60])[1]]]]
    bank = make_bank(y, logits[None], mask, x=rng.normal(size=(N, 4)))
    truth = replace(bank.data.truth, clean=clean, changed=redrawn, redrawn=60)
    noise = replace(bank, data=replace(bank.data, truth=truth))
    control = replace(bank, data=replace(bank.data, truth=replace(truth, control=redrawn)))
    return {"noise": noise, "control": control, "without": bank.of_rows(~redrawn)}


@pytest.mark.parametrize("probe, name", TOTALS, ids=lambda one: one if isinstance(one, str) else one.name)
def test_a_control_leaves_every_total_and_noise_does_not(probe, name, banks):
    noise, control, without = (probe.measure(banks[how])[0].quantities[name] for how in banks)
    assert control.n == without.n == N - 60
    assert control.value == pytest.approx(without.value, abs=1e-12)
    assert control.interval == pytest.approx(without.interval, abs=1e-6)
    assert abs(noise.value - control.value) > 0.02


@pytest.mark.parametrize("probe", [Bits(), Gap()], ids=lambda probe: probe.name)
def test_columns_keep_their_places(probe, banks):
    columns = probe.measure(banks["control"])[1]
    assert columns
    assert all(np.isnan(values).tolist() == [True] * 60 + [False] * (N - 60) for values in columns.values())


def test_the_control_is_reported_apart(banks):
    found = Counterfactual().measure(banks["control"])[0].quantities["control_memorised_share"]
    assert found.n == 60
    assert found.value > 0.9
