"""Peers: other packages that score training examples, called on our runs by benchmarks/effect.py and credit.py.

    pip install kronfluence traker captum dattri
    pip install explaind  # for credit.py; it asks for Python 3.12

None is a dependency of byheart: each is imported in its own function, and those that are missing are named. Every
peer gets the same models, checkpoints, examples and queries, and batches of 360, the fastest of 128, 360 and 1,437
(one of everything where that is faster or must be); what it leaves on the disk goes to a temporary folder.
Scores are (q, n), positive = having the example in raises the margin: another sign is turned around in its function.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import importlib.metadata
import importlib.util
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from byheart.maths.attribution.targets import margin
from byheart.maths.recording.trace import Trace

PACKAGES = {"kronfluence": "kronfluence", "trak": "traker", "captum": "captum", "dattri": "dattri"}  # by their module
BATCH = 360


@dataclass(frozen=True)
class Case:
    """What every peer is asked about: runs of one recipe, and the recorded steps of the first."""

    models: list[nn.Module]
    trace: Trace
    examples: tuple[Tensor, Tensor]
    query: tuple[Tensor, Tensor]

    def checkpoints(self, count: int = 10) -> list[tuple[dict[str, Tensor], float]]:
        """Weights and learning rates where `maths.attribution.gradient_similarity.checkpoints` looks too."""
        last = len(self.trace)
        marks = [round(last * (c + 1) / count) for c in range(count)]
        weights = [{name: w.clone() for name, w in self.trace.named(self.trace.weights(t)).items()} for t in marks]
        return [(w, self.trace.rates[min(t, last - 1)][0]) for w, t in zip(weights, marks, strict=True)]


@dataclass(frozen=True)
class Peer:
    """A method of another package, the module to import for it, and our method of the same kind."""

    method: str
    module: str
    ours: str
    scores: Callable[[Case], np.ndarray]

    @property
    def package(self) -> str:
        return PACKAGES[self.module.split(".")[0]]

    @property
    def title(self) -> str:
        return f"{self.package} {importlib.metadata.version(self.package)}, {self.method}"


def kronfluence(case: Case, damping: float | None) -> np.ndarray:
    """EK-FAC with labels drawn from the model; damping None is a tenth of the mean eigenvalue."""
    from kronfluence.analyzer import Analyzer, prepare_model
    from kronfluence.arguments import FactorArguments, ScoreArguments
    from kronfluence.task import Task

    class Margins(Task):
        def compute_train_loss(self, batch: tuple, model: nn.Module, sample: bool = False) -> Tensor:
            z = model(batch[0])
            y = torch.distributions.Categorical(logits=z.detach()).sample() if sample else batch[1]
            return F.cross_entropy(z, y, reduction="sum")

        def compute_measurement(self, batch: tuple, model: nn.Module) -> Tensor:
            return margin(model(batch[0]), batch[1]).sum()

    torch.manual_seed(0)
    task, train, test = Margins(), TensorDataset(*case.examples), TensorDataset(*case.query)
    with tempfile.TemporaryDirectory() as folder:
        model = prepare_model(case.models[0], task)
        analyzer = Analyzer("peer", model, task, cpu=True, disable_tqdm=True, output_dir=folder)
        strategy = FactorArguments(strategy="ekfac")
        analyzer.fit_all_factors("factors", train, per_device_batch_size=BATCH, factor_args=strategy)
        analyzer.compute_pairwise_scores(
            "scores",
            "factors",
            test,
            train,
            per_device_query_batch_size=BATCH,
            per_device_train_batch_size=BATCH,
            score_args=ScoreArguments(damping_factor=damping),
        )
        return -analyzer.load_pairwise_scores("scores")["all_modules"].double().numpy()


def trak(case: Case, count: int) -> np.ndarray:
    """TRAK over `count` models in float32, 512 dimensions as ours; on a CPU its projector is the BasicProjector."""
    from trak import TRAKer

    n, q = len(case.examples[0]), len(case.query[0])
    models = copy.deepcopy(case.models[:count])  # it loads each into the first, whose state_dict is no copy
    weights = [copy.deepcopy(model.state_dict()) for model in models]
    with tempfile.TemporaryDirectory() as folder:
        traker = TRAKer(
            models[0].eval(),
            "image_classification",
            n,
            save_dir=folder,
            device="cpu",
            proj_dim=512,
            use_half_precision=False,
            logging_level="ERROR",
        )
        for c, state in enumerate(weights):
            traker.load_checkpoint(state, model_id=c)
            traker.featurize(case.examples, num_samples=n)
        traker.finalize_features()
        for c, state in enumerate(weights):
            traker.start_scoring_checkpoint("queries", state, model_id=c, num_targets=q)
            traker.score(case.query, num_samples=q)
        return np.array(traker.finalize_scores("queries"), float).T


def captum(case: Case) -> np.ndarray:
    """TracInCP with its fast gradients of Linear layers."""
    from captum.influence import TracInCP

    def load(model: nn.Module, checkpoint: tuple[dict[str, Tensor], float]) -> float:
        model.load_state_dict(checkpoint[0])
        return checkpoint[1]

    tracin = TracInCP(
        case.models[0],
        TensorDataset(*case.examples),
        case.checkpoints(),
        load,
        loss_fn=nn.CrossEntropyLoss(reduction="sum"),
        test_loss_fn=lambda z, y: -margin(z, y).sum(),
        batch_size=BATCH,
        sample_wise_grads_per_batch=True,
    )
    return tracin.influence(case.query).detach().double().numpy()


def batches(data: tuple[Tensor, Tensor], size: int = BATCH) -> DataLoader:
    return DataLoader(TensorDataset(*data), batch_size=size)


def dattri_task(case: Case, checkpoints: list[dict[str, Tensor]]) -> object:
    from dattri.task import AttributionTask

    model = case.models[0]

    def outputs(weights: dict[str, Tensor], data: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        x, y = data  # a batch or, under its vmap, one example
        z = torch.func.functional_call(model, weights, (x.reshape(-1, *case.examples[0].shape[1:]),))
        return z, y.reshape(-1)

    return AttributionTask(
        loss_func=lambda weights, data: F.cross_entropy(*outputs(weights, data)),
        model=model,
        checkpoints=checkpoints,
        target_func=lambda weights, data: margin(*outputs(weights, data)).mean(),
    )


def dattri_tracin(case: Case, projected: bool) -> np.ndarray:
    """TracIn; it projects gradients to 512 dimensions unless that is taken from it after it is made."""
    from dattri.algorithm import TracInAttributor

    weights, rates = zip(*case.checkpoints(), strict=True)
    tracin = TracInAttributor(dattri_task(case, list(weights)), torch.tensor(rates), normalized_grad=False)
    if not projected:
        tracin.projector_kwargs = None
    train = batches(case.examples, len(case.examples[0]) if projected else BATCH)
    return -tracin.attribute(train, batches(case.query)).T.detach().double().numpy()


def dattri_ekfac(case: Case) -> np.ndarray:
    """EK-FAC with its default damping, 0; in smaller batches a pixel that is never lit then makes every score NaN."""
    from dattri.algorithm import IFAttributorEKFAC

    ekfac = IFAttributorEKFAC(dattri_task(case, [case.models[0].state_dict()]))
    train = batches(case.examples, len(case.examples[0]))
    ekfac.cache(train)
    return -ekfac.attribute(train, batches(case.query)).T.detach().double().numpy()


def explaind(trace: Trace, query: tuple[Tensor, Tensor], steps: int) -> np.ndarray:
    """Share of the change of log p that its path kernel leaves over, one number a step; 10 points a step as it does.

    It takes cross-entropy on log p, all classes at once, and weights and batches step by step.
    """
    from explaind.epk_model import ExactPathKernelModel
    from explaind.model_paths import ModelPath
    from explaind.optimizer_paths import SGDOptimizerPath

    model = nn.Sequential(copy.deepcopy(trace.module), nn.LogSoftmax(1))
    weights = [{f"0.{name}": w for name, w in trace.named(trace.weights(t)).items()} for t in range(steps + 1)]
    path = ModelPath(model, device="cpu", checkpoints=weights, output_dim=10)
    optimizer = SGDOptimizerPath(model, lr=trace.rates[0][0], weight_decay=0.0, momentum=0.0, device="cpu")
    data = SimpleNamespace(dataloader=None)  # its DataPath keeps copies of batches; the trace has their numbers
    kernels = ExactPathKernelModel(path, optimizer, nn.CrossEntropyLoss(), data, train_set_size=trace.n, device="cpu")
    middles, left = [(j + 0.5) / 10 for j in range(10)], []
    for step in trace.steps(0, steps):
        batch = trace.x[step.ids], trace.y[step.ids]
        kernel = kernels.exact_path_kernel_step_test(
            query[0], *batch, None, step.index, torch.eye(10), middles, step.ids, prev_eval={}
        )[0]
        told = -step.rates[0] * kernels.get_prediction_from_kernel(kernel, len(step.ids))
        change = (path.forward(query[0], step.index + 1) - path.forward(query[0], step.index)).detach()
        left.append(float((told - change).norm() / change.norm()))
    return np.array(left)


PEERS = (
    Peer("EK-FAC", "kronfluence.analyzer", "curvature, 1 model", lambda case: kronfluence(case, 1e-8)),
    Peer("EK-FAC, heuristic", "kronfluence.analyzer", "curvature, 1 model", lambda case: kronfluence(case, None)),
    Peer("EK-FAC", "dattri.algorithm", "curvature, 1 model", dattri_ekfac),
    Peer("TRAK-1", "trak", "projected, 1 model", lambda case: trak(case, 1)),
    Peer("TRAK-10", "trak", "projected, 10 models", lambda case: trak(case, 10)),
    Peer("TracInCP-10", "captum.influence", "checkpoints, 10", captum),
    Peer("TracIn-10", "dattri.algorithm", "checkpoints, 10", lambda case: dattri_tracin(case, True)),
    Peer("TracIn-10, not projected", "dattri.algorithm", "checkpoints, 10", lambda case: dattri_tracin(case, False)),
)


def here(module: str) -> bool:
    return importlib.util.find_spec(module.split(".")[0]) is not None


def ready(module: str) -> bool:
    """Is it installed? It is then imported now, so that neither the seconds nor the MB of that count as the peer's."""
    if here(module):
        with contextlib.suppress(Exception):  # the peer's call raises it again, and is reported
            importlib.import_module(module)
    return here(module)


def installed() -> list[Peer]:
    return [peer for peer in PEERS if ready(peer.module)]


def missing() -> str:
    """Which peers are not installed, and how to install them; empty where all are."""
    absent = [package for module, package in PACKAGES.items() if not here(module)]
    return f"not installed here: {', '.join(absent)} (pip install {' '.join(absent)})" if absent else ""
