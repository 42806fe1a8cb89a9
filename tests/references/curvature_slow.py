"""Curvature by its definitions, slowly: labels one by one, derivatives by `torch.func`, XTrace by its leave-one-out loop."""

import itertools

import torch
from torch.func import functional_call, grad


def flat_function(model, outputs_loss):
    """theta (p,) -> outputs_loss(outputs of the model at theta, x), and theta."""
    names, shapes = zip(*[(name, p.shape) for name, p in model.named_parameters()])
    theta = torch.cat([p.detach().flatten() for p in model.parameters()])

    def of(theta, x, *rest):
        parts = torch.split(theta, [shape.numel() for shape in shapes])
        named = {name: part.view(shape) for name, part, shape in zip(names, parts, shapes)}
        return outputs_loss(functional_call(model, named, (x,)), *rest)

    return of, theta


def hessian(model, x, y, loss):
    of, theta = flat_function(model, loss)
    return torch.func.hessian(of)(theta, x, y)


def ggn(model, x, y, loss):
    """One example at a time: J' S J."""
    of, theta = flat_function(model, lambda z: z[0])
    total = 0
    for i in range(len(x)):
        jacobian = torch.func.jacrev(of)(theta, x[i : i + 1]).flatten(0, -2)
        z = of(theta, x[i : i + 1])
        s = torch.func.hessian(lambda flat: loss(flat.view(1, *z.shape), y[i : i + 1]))(z.flatten())  # noqa: B023
        total = total + jacobian.T @ s @ jacobian / len(x)
    return total


def fisher(model, x, k, places=1):
    """Every label (or every sequence of labels) of every example, weighted by the probability that the model gives it."""
    total = 0
    for i in range(len(x)):
        z = model(x[i : i + 1]).detach()
        log_p = z.log_softmax(1).reshape(k, places)
        for labels in itertools.product(range(k), repeat=places):
            y = torch.tensor([labels]).view(1, *z.shape[2:])
            of, theta = flat_function(model, torch.nn.functional.cross_entropy)
            g = grad(of)(theta, x[i : i + 1], y)
            p = torch.exp(sum(log_p[label, place] for place, label in enumerate(labels)))
            total = total + p * torch.outer(g, g) / len(x)
    return total


def empirical_fisher(model, x, y, loss):
    of, theta = flat_function(model, loss)
    each = [grad(of)(theta, x[i : i + 1], y[i : i + 1]) for i in range(len(x))]
    return sum(torch.outer(g, g) for g in each) / len(x)


def gradient(model, x, y, loss):
    of, theta = flat_function(model, loss)
    return grad(of)(theta, x, y)


def xtrace(a, draws):
    """The estimates of each draw left out in turn: a QR of all the others."""
    p, m = draws.shape
    each = []
    for i in range(m):
        q, _ = torch.linalg.qr(a @ torch.cat([draws[:, :i], draws[:, i + 1 :]], 1))
        u = draws[:, i] - q @ (q.T @ draws[:, i])
        u = u * ((p - m + 1) / (u @ u)).sqrt()
        each.append(torch.trace(q.T @ a @ q) + u @ a @ u)
    return torch.stack(each)
