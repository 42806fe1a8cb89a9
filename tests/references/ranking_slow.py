"""Slow, obvious twins of the ranking protocol: one pair of runs at a time, dictionaries for cells."""

import itertools
import math
from collections import defaultdict


def sign(x):
    return int(x > 0) - int(x < 0)


def tau_a(m, g):
    pairs = list(itertools.permutations(range(len(m)), 2))
    return sum(sign(m[i] - m[j]) * sign(g[i] - g[j]) for i, j in pairs) / len(pairs)


def granulated(m, g, settings):
    """psi of each setting and Psi: repeats averaged, then a dictionary of what else is fixed."""
    repeats = defaultdict(list)
    for i, row in enumerate(settings):
        repeats[tuple(row)].append(i)
    mean = {row: tuple(sum(x[i] for i in of) / len(of) for x in (m, g)) for row, of in repeats.items()}
    psi = []
    for h in range(len(settings[0])):
        cells = defaultdict(list)
        for row, both in mean.items():
            cells[row[:h] + row[h + 1 :]].append(both)
        taus = [tau_a(*zip(*cell)) for cell in cells.values() if len(cell) > 1]
        psi.append(sum(taus) / len(taus) if taus else math.nan)
    moved = [one for one in psi if one == one]
    return psi, sum(moved) / len(moved) if moved else math.nan


def entropy(counts, under=0.0):
    n = sum(counts)
    return -sum(c / n * math.log2(c / n + under) for c in counts if c)


def marginals(cell):
    by = defaultdict(int), defaultdict(int)
    for (a, b), n in cell.items():
        by[0][a] += n
        by[1][b] += n
    return by


def information(cell):
    """Mutual information in bits of a dictionary (sign of the measure, sign of the gap) -> count."""
    n, (first, second) = sum(cell.values()), marginals(cell)
    return sum(c / n * math.log2(c * n / (first[a] * second[b])) for (a, b), c in cell.items())


def conditional_information(m, g, settings, convention):
    pgdl, h = convention == "pgdl", len(settings[0])
    ratios = []
    for size in (2,) if pgdl else (0, 1, 2):
        for chosen in itertools.combinations(range(h), size):
            cells = defaultdict(lambda: defaultdict(int))
            for i, j in itertools.product(range(len(m)), repeat=2):
                if i == j and not pgdl:
                    continue
                signs = (m[i] > m[j], g[i] > g[j]) if pgdl else (sign(m[i] - m[j]), sign(g[i] - g[j]))
                cells[tuple((settings[i][s], settings[j][s]) for s in chosen)][signs] += 1
            weight = {key: 1 if pgdl else sum(cell.values()) for key, cell in cells.items()}
            top = sum(weight[key] * information(cell) for key, cell in cells.items())
            under = 1e-12 if pgdl else 0.0
            bottom = sum(weight[key] * entropy(marginals(cell)[1].values(), under) for key, cell in cells.items())
            if bottom > 1e-9 * sum(weight.values()):
                ratios.append(top / bottom)
    return min(ratios) if ratios else math.nan


def weight(dg, n):
    v = max(0.0, 1 - 2 * math.exp(-2 * n * (abs(dg) / 2) ** 2)) ** 2
    return v - 0.5 if v > 0.5 else 0.0


def sign_error(m, g, settings, n, pooled=False):
    """(mean, worst, per setting, mean effective size) over ordered pairs of configurations, all pairs of runs."""
    w, w2, loss = defaultdict(float), defaultdict(float), defaultdict(float)
    for i, j in itertools.product(range(len(m)), repeat=2):
        a, b = tuple(settings[i]), tuple(settings[j])
        apart = [h for h in range(len(a)) if a[h] != b[h]]
        if len(apart) != 1:
            continue
        h = apart[0]
        key = (h, a[h], b[h]) if pooled else (h, a, b)
        one = weight(g[i] - g[j], n)
        w[key] += one
        w2[key] += one**2
        loss[key] += one * (1 - sign(m[i] - m[j]) * sign(g[i] - g[j])) / 2
    kept = {key: (loss[key] / w[key], w[key] ** 2 / w2[key]) for key in w if w[key] and w[key] ** 2 / w2[key] >= 12 - 1e-9}
    if not kept:
        return math.nan, math.nan, [math.nan] * len(settings[0]), 0.0
    losses = [one for one, _ in kept.values()]
    per = [[one for key, (one, _) in kept.items() if key[0] == h] for h in range(len(settings[0]))]
    means = [sum(of) / len(of) if of else math.nan for of in per]
    return sum(losses) / len(losses), max(losses), means, sum(size for _, size in kept.values()) / len(kept)
