"""Peers: other packages that score training examples, called on our run for benchmarks/effect.py.

    pip install kronfluence traker captum dattri

None is a dependency of byheart: each is imported in its own function, and those that are missing are named. Every
peer gets the same model, checkpoints, examples and queries, and one batch of everything, its fastest setting here;
what it leaves on the disk goes to a temporary folder. Scores (q, n), positive = having the example in raises the
margin. A peer that scores a loss, or minus our sign, is turned around in its function.
"""

from __future__ import annotations

import copy
import importlib
import importlib.metadata
import importlib.util
import os
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from byheart.maths.targets import margin
from byheart.maths.trace import Trace

INSTALL = {"kronfluence": "kronfluence", "trak": "traker", "captum": "captum", "dattri": "dattri"}  # module: package


@dataclass(frozen=True)
class Case:
    """What every peer is asked about: runs of one recipe, and the recorded steps of the first."""

    models: list[nn.Module]
    trace: Trace
    examples: tuple[Tensor, Tensor]
    query: tuple[Tensor, Tensor]

    def checkpoints(self, count: int = 10) -> list[tuple[dict[str, Tensor], float]]:
        """Weights and learning rates where `maths.projected.checkpoints` looks too."""
        last = len(self.trace)
        marks = [round(last * (c + 1) / count) for c in range(count)]
        weights = [{name: w.clone() for name, w in self.trace.named(self.trace.weights(t)).items()} for t in marks]
        return [(w, self.trace.rates[min(t, last - 1)][0]) for w, t in zip(weights, marks, strict=True)]


@dataclass(frozen=True)
class Peer:
    """A call of another package, and ours of the same kind."""

    module: str
    ours: str
    scores: Callable[[Case], np.ndarray]

    def title(self, name: str) -> str:
        package = INSTALL[self.module]
        return f"{package} {importlib.metadata.version(package)} {name}"


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
        analyzer.fit_all_factors("factors", train, per_device_batch_size=len(train), factor_args=strategy)
        analyzer.compute_pairwise_scores(
            "scores",
            "factors",
            test,
            train,
            per_device_query_batch_size=len(test),
            per_device_train_batch_size=len(train),
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
        batch_size=len(case.examples[0]),
        sample_wise_grads_per_batch=True,
    )
    return tracin.influence(case.query).detach().double().numpy()


def whole(data: tuple[Tensor, Tensor]) -> DataLoader:
    return DataLoader(TensorDataset(*data), batch_size=len(data[0]))


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
    return -tracin.attribute(whole(case.examples), whole(case.query)).T.detach().double().numpy()


def dattri_ekfac(case: Case) -> np.ndarray:
    """EK-FAC with its default damping, 0."""
    from dattri.algorithm import IFAttributorEKFAC

    ekfac = IFAttributorEKFAC(dattri_task(case, [case.models[0].state_dict()]))
    ekfac.cache(whole(case.examples))
    return -ekfac.attribute(whole(case.examples), whole(case.query)).T.detach().double().numpy()


PEERS = {
    "EK-FAC": Peer("kronfluence", "curvature, 1 model", lambda case: kronfluence(case, 1e-8)),
    "EK-FAC heur.": Peer("kronfluence", "curvature, 1 model", lambda case: kronfluence(case, None)),
    "TRAK-1": Peer("trak", "projected, 1 model", lambda case: trak(case, 1)),
    "TRAK-10": Peer("trak", "projected, 10 models", lambda case: trak(case, 10)),
    "TracInCP-10": Peer("captum", "checkpoints, 10", captum),
    "TracIn-10": Peer("dattri", "checkpoints, 10", lambda case: dattri_tracin(case, True)),
    "TracIn-10, whole": Peer("dattri", "checkpoints, 10", lambda case: dattri_tracin(case, False)),
    "EKFAC": Peer("dattri", "curvature, 1 model", dattri_ekfac),
}


def installed() -> dict[str, Peer]:
    """The peers that are here, already imported: neither seconds nor MB of the import are theirs."""
    os.environ["TQDM_DISABLE"] = "1"
    warnings.filterwarnings("ignore", module="captum|dattri|trak|kronfluence|torch")
    here = {module for module in INSTALL if importlib.util.find_spec(module) is not None}
    for module in here:
        for part in {"kronfluence": ("kronfluence.analyzer",), "captum": ("captum.influence",),
                     "dattri": ("dattri.task", "dattri.algorithm")}.get(module, (module,)):  # fmt: skip
            importlib.import_module(part)
    return {name: peer for name, peer in PEERS.items() if peer.module in here}


def missing() -> str:
    """Which peers are not installed, and how to install them; empty if all are here."""
    absent = [package for module, package in INSTALL.items() if importlib.util.find_spec(module) is None]
    return f"not installed here: {', '.join(absent)} (pip install {' '.join(absent)})" if absent else ""
