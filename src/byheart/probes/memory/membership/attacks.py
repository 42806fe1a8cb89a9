"""What is judged of each member, the three attacks on it, and what they are called."""

from __future__ import annotations

import numpy as np

from byheart.maths.membership import likelihood_ratio
from byheart.probes.base import Bank


def attack_score(bank: Bank) -> np.ndarray:
    """(m, n) what is judged of each member: the margin of the label; minus the absolute error of a value; log p of a
    whole passage.

    On diabetes (442 values, 32 members) the absolute error gave AUC 0.770, its square 0.761, the log of it 0.735.
    """
    train = bank[bank.subject.bank()].views["train"]
    if train.margin is not None:
        return train.margin[-1].astype(np.float64)
    if bank.data.output.kind == "tokens":
        return -train.loss_nats[-1].astype(np.float64)
    return -np.sqrt(train.loss_nats[-1].astype(np.float64))


def attack_scores(score: np.ndarray, mask: np.ndarray, counted: np.ndarray) -> dict[str, np.ndarray]:
    """(m, n) of each attack. Labels of the control say nothing of others, and their non-members are no false alarms."""
    found = {"online": np.full(score.shape, np.nan), "offline": np.full(score.shape, np.nan), "loss_threshold": score}
    for part in (counted, ~counted):
        for name in ("online", "offline"):
            found[name][:, part] = likelihood_ratio(score[:, part], mask[:, part], online=name == "online")
    return {name: np.where(~mask & ~counted, np.nan, values) for name, values in found.items()}


def attack_words(bank: Bank) -> dict[str, str]:
    """What each attack is called."""
    what = {"classes": "loss", "values": "error"}.get(bank.data.output.kind, "loss")
    return {
        "online": "likelihood ratio",
        "offline": f"models that never saw the {bank.noun(1)}",
        "loss_threshold": f"{what} alone, no other models",
    }


def choice(bank: Bank, pair: tuple[str, str]) -> str:
    """The attack that both halves of the members chose for each other, or the two."""
    first, second = (attack_words(bank)[name] for name in pair)
    if first == second:
        return f"{first} (each half of the members chose it for the other)"
    return f"{first}, scored on the first half of the members, and {second} on the second (the other half chose each)"
