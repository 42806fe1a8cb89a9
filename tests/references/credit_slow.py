"""The path decomposition as it is written: loops over queries, steps, earlier steps and examples; no recursion."""

import numpy as np
import torch


def gradient(trace, weights, scalar):
    leaf = weights.clone().requires_grad_()
    found = torch.autograd.grad(scalar(leaf), leaf, allow_unused=True)[0]
    return torch.zeros_like(weights) if found is None else found


def vector(trace, values):
    flat = torch.zeros(trace.layout.size, dtype=torch.float64)
    for value, group in zip(values, trace.recipe.groups, strict=True):
        for name in group.names:
            flat[trace.layout.slices[name]] = value
    return flat


def margin(z, y):
    others = torch.cat([z[:y], z[y + 1 :]])
    return z[y] - others.logsumexp(0)


def slow_credit(trace, x, y, nodes, weights):
    """examples (q, n), decay (q,), initial (q,), remainder (q,) with quadrature `nodes` and `weights` on 0..1."""
    steps = list(trace.steps())
    groups = trace.recipe.groups
    mu, b2, eps = (vector(trace, [getattr(g, f) for g in groups]) for f in ("momentum", "square", "eps"))
    tau, decay = (vector(trace, [getattr(g, f) for g in groups]) for f in ("dampening", "decay"))
    nesterov = vector(trace, [float(g.nesterov) for g in groups])
    decoupled = vector(trace, [float(g.decoupled) for g in groups])
    examples, of_decay = np.zeros((len(x), trace.n)), np.zeros(len(x))

    addends, second, v = [], [], torch.zeros(trace.layout.size, dtype=torch.float64)
    for step in steps:  # what each example and the coupled decay put into the gradient of the step
        clip, mine = vector(trace, step.clips), []
        for part in step.parts:
            for row, i in enumerate(part.ids):
                g = gradient(trace, step.before, lambda w, part=part, row=row: trace.losses(w, part)[row])
                mine.append((int(i), clip * g * part.share / len(part.ids)))
        mine.append((-1, decay * (1 - decoupled) * step.before))
        addends.append(mine)
        v = b2 * v + (1 - b2) * sum(g for _, g in mine) ** 2
        second.append(v)

    for k in range(len(x)):

        def f(w, k=k):
            return margin(trace.outputs(w, x[k : k + 1])[0], int(y[k]))

        for t, step in enumerate(steps):
            eta, way = vector(trace, step.rates), step.after - step.before
            mean = sum(w * gradient(trace, step.before + u * way, f) for u, w in zip(nodes, weights))
            of_decay[k] -= float(mean @ (eta * decoupled * decay * step.before))
            for s in range(t + 1):  # how much of the gradient of step s is in step t
                if trace.recipe.adaptive:
                    root = (second[t] / (1 - b2 ** (t + 1))).sqrt() + eps
                    share = (1 - mu) * mu ** (t - s) / (1 - mu ** (t + 1)) / root
                else:
                    velocity = mu ** (t - s) * (1 - tau if s else torch.ones_like(tau))
                    share = velocity if s < t else torch.where(mu == 0, 1.0, velocity)
                    share = torch.where(mu == 0, float(s == t), share)
                    share = torch.where(nesterov == 1, float(s == t) + mu * velocity, share)
                for i, g in addends[s]:
                    amount = -float(mean @ (eta * share * g))
                    if i < 0:
                        of_decay[k] += amount
                    else:
                        examples[k, i] += amount
    initial = np.array([float(margin(trace.outputs(trace.weights(0), x[k : k + 1])[0], int(y[k]))) for k in range(len(x))])
    final = np.array([float(margin(trace.outputs(trace.weights(len(trace)), x[k : k + 1])[0], int(y[k]))) for k in range(len(x))])
    return examples, of_decay, initial, final - initial - examples.sum(1) - of_decay
