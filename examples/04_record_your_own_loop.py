"""Record your own torch loop, and ask it what a prediction is made of and whose removal would change it."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import byheart as bh
from byheart.maths.attribution.credit import path_credit
from byheart.maths.attribution.effect import unrolled


def main(epochs: int = 20) -> dict[str, np.ndarray]:
    """Train a small network on the digits while `bh.record` listens, then explain one new digit."""
    digits, labels = load_digits(return_X_y=True)
    x = torch.tensor(digits / 16, dtype=torch.float32)
    y = torch.tensor(labels)
    train, new = (x[:1400], y[:1400]), (x[1400:1401], y[1400:1401])

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.5)
    with bh.record(model, optimizer, loss="cross-entropy", examples=train) as trace:
        for _ in range(epochs):
            for ids in torch.randperm(1400).split(64):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(train[0][ids]), train[1][ids]).backward()
                trace.batch(ids)
                optimizer.step()

    credit = path_credit(trace, new)
    effect = unrolled(trace, new)
    total = credit.initial + credit.examples.sum(1) + credit.decay + credit.remainder
    made, moved = credit.examples[0].argmax(), effect[0].argmax()
    print(f"log odds of the label {credit.output[0]:.2f} nats, the credits add up to {total[0]:.2f}")
    print(f"most credit: example {made}, a {y[made]}, {credit.examples[0, made]:+.3f} nats")
    print(f"most effect: example {moved}, a {y[moved]}; without it about {-effect[0, moved]:+.3f} nats")
    return {"output": credit.output, "total": total, "credit": credit.examples, "effect": effect}


if __name__ == "__main__":
    main()
