"""Banks for the suite of the probes: trained here and now, and the same ones in another order or with other names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from byheart.learners.attribution_run import attributed
from byheart.learners.base import Learner
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.records.axes import Kept
from byheart.records.finding import NotApplicable
from byheart.registry import find
from byheart.report.cards import About
from byheart.report.cards.reasons import why
from byheart.study.plan import varied
from byheart.study.serialization import data_result
from byheart.study.session import Drawn
from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples
from byheart.tasks.output import Output
from byheart.training.members import subsets
from byheart.training.run import Outcomes, Run, taken
from byheart.training.training import Training


class Merged(Task):
    """Which of three groups is the digit in? One has half of the images: a guess has its favourite."""

    name = "merged-digits"
    n: int = 300

    def draw(self, seed: int) -> Data:
        """Digits 0 to 4, 5 to 7 and 8 to 9 as three classes."""
        data = find("task", "digits")(n=self.n).draw(seed)
        views = {name: replace(kept, y=np.digitize(kept.y, (5, 8))) for name, kept in data.views.items()}
        output = replace(data.output, k=3, classes=("0 to 4", "5 to 7", "8 or 9"), target="group")
        return replace(data, views=views, output=output)


def bank_of(
    probe: Probe, task: Task, learner: Learner, members: int = 16, share: float = 0.7, seed: int = 0, way: str = "each"
) -> Bank:
    """The bank that `probe` asks for: every run it requires of `task` and `learner`, trained here and now.

    Raises:
        ValueError: the probe does not apply to the task; the message says why.
    """
    data = task.draw(seed)
    subject = Subject(task, learner, (), seed, members, share, offers_of(data), len(data.courses))
    needs = probe.requires(subject)
    if isinstance(needs, NotApplicable):
        raise ValueError(why(needs.reason, About()))
    drawn = {need.key(): data_for(subject, data, need) for need in needs if need.vary}
    runs = {need.key(): trained(subject, drawn.get(need.key(), data), need, way) for need in needs}
    return Bank(subject, data, runs, drawn)


def data_for(subject: Subject, data: Data, need: Need) -> Data:
    """The data of a subject as `need` varies its task."""
    other = any(path.startswith("task.") for path in need.vary)
    return varied(subject, need).task.draw(subject.seed) if other else data


def trained(subject: Subject, data: Data, need: Need, way: str = "each") -> Run:
    """The run that `need` asks for of a subject, on data drawn for it."""
    own = varied(subject, need)
    learner = find("learner", need.learner)() if need.learner else own.learner
    n, order = len(data.train), data.train.meta.get("time")
    drawn = subsets(need.subsets, n, need.members, need.share, subject.seed, data.groups, need.gap, order)
    drawn = drawn.reseeded() if need.reseeded else drawn
    if need.questions is not None:
        return attributed(learner, data, drawn, need.questions)
    way = way if learner.fleet else "each"
    return learner.fit(data, drawn, Training(need.checkpoints, need.trail > 0, need.keep, own.levers, way))


def offers_of(data: Data) -> frozenset[str]:
    """What data offer to probes."""
    return Drawn.read(data_result(data).document).offers


def reordered(bank: Bank, seed: int = 1) -> tuple[Bank, np.ndarray]:
    """The same bank with the examples of every view in another order, and that order for training."""
    rng = np.random.default_rng(seed)
    orders = {view: rng.permutation(len(examples)) for view, examples in bank.data.views.items()}
    first = orders["train"]

    def run_of(run: Run) -> Run:
        views = {view: taken(outcomes, "examples", orders[view]) for view, outcomes in run.views.items()}
        return replace(run.of_rows(first), views=views)

    drawn = {key: _in_order(data, orders) for key, data in bank.drawn.items()}
    runs = {key: run_of(run) for key, run in bank.runs.items()}
    return Bank(bank.subject, _in_order(bank.data, orders), runs, drawn), first


def _in_order(data: Data, orders: Mapping[str, np.ndarray]) -> Data:
    """The same data with the examples of each view in this order."""
    first = orders["train"]
    views = {view: examples.take(orders[view]) for view, examples in data.views.items()}
    posterior = data.truth.posterior
    if posterior is not None and len(posterior) == len(first) != data.output.k:
        posterior = posterior[first]
    known = {"clean": "train", "changed": "train", "control": "train", "repeats": "canaries"}  # of which view
    found = {name: (getattr(data.truth, name), orders.get(view)) for name, view in known.items()}
    columns = {name: values[order] for name, (values, order) in found.items() if values is not None}
    truth = replace(data.truth, **columns, posterior=posterior)
    phases = tuple(np.argsort(first)[rows] for rows in data.phases)
    grouped = None if data.grouped is None else data.grouped.take(first)
    return replace(data, views=views, truth=truth, phases=phases, grouped=grouped)


def renamed(bank: Bank, seed: int = 1) -> Bank:
    """The same bank with its classes numbered otherwise, names, logits and truth along with them."""
    to = np.roll(np.random.default_rng(seed).permutation(bank.data.output.k), 1)  # new number of each class
    back = np.argsort(to)

    def moved_columns(kept: Outcomes) -> Outcomes:
        trail = None if kept.trail is None else kept.trail[..., back]
        return replace(kept, logits=kept.logits[..., back], trail=trail)

    def run_of(run: Run) -> Run:
        views = {view: moved_columns(outcomes) for view, outcomes in run.views.items()}
        kept = {label: _last_layer(one, back) if "weights" in label else one for label, one in run.kept.items()}
        return replace(run, views=views, kept=kept)

    drawn = {key: _renumbered(data, to) for key, data in bank.drawn.items()}
    return Bank(bank.subject, _renumbered(bank.data, to), {key: run_of(run) for key, run in bank.runs.items()}, drawn)


def _last_layer(kept: Kept, back: np.ndarray) -> Kept:
    """Kept weights with the outputs of the last layer in another order: of its matrix and its bias."""
    last = list(kept)[-1].rpartition(".")[0]
    arrays = {}
    for name, values in kept.arrays.items():
        outputs = 1 + (kept.axes[name][0] == "checkpoints")
        arrays[name] = np.take(values, back, axis=outputs) if name.rpartition(".")[0] == last else values
    return Kept(arrays, kept.axes)


def _renumbered(data: Data, to: np.ndarray) -> Data:
    """The same data, whose classes have other numbers."""
    k, back = data.output.k, np.argsort(to)

    def labels(examples: Examples) -> Examples:
        return replace(examples, y=to[examples.y])

    views = {view: labels(examples) for view, examples in data.views.items()}
    truth, posterior = data.truth, data.truth.posterior
    if posterior is not None:
        posterior = posterior[back][:, back] if len(posterior) == k else posterior[:, back]
    clean = None if truth.clean is None else to[truth.clean]
    output: Output = replace(data.output, classes=tuple(data.output.classes[c] for c in back))
    truth = replace(truth, clean=clean, posterior=posterior)
    return replace(data, views=views, output=output, truth=truth)
