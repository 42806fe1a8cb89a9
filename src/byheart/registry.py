"""Name -> class, a kind at a time; found late, so that listing names imports nothing heavy."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from importlib import metadata
from typing import Any

from byheart.errors import unknown_name
from byheart.terminal import put

# name -> (module:Class, one line). Only words: `byheart list` must not import torch.
BUILT_IN: dict[str, dict[str, tuple[str, str]]] = {
    "task": {
        "fashion": ("byheart.tasks.fashion:Fashion", "Fashion-MNIST, 5,000 training and 2,000 test images"),
        "digits": ("byheart.tasks.digits:Digits", "scikit-learn's handwritten digits, 1,437 and 360 images"),
        "autoregression": ("byheart.tasks.autoregression:Autoregression", "series: two steps predict the next"),
        "series": ("byheart.tasks.series:Series", "your own series: series.csv with --time, or series.npz"),
        "co2": ("byheart.tasks.embedded_series:Co2", "CO2 at Mauna Loa, weekly, as windows and the week after"),
        "sunspots": ("byheart.tasks.embedded_series:Sunspots", "sunspots, yearly"),
        "el-nino": ("byheart.tasks.embedded_series:ElNino", "sea surface temperature of an El Nino region, monthly"),
        "fmri": ("byheart.tasks.embedded_series:Fmri", "five regions of a resting brain, 250 volumes"),
        "isotropic": ("byheart.tasks.isotropic:Isotropic", "linear regression on inputs alike in all directions"),
        "two-scales": ("byheart.tasks.two_scales:TwoScales", "linear regression on inputs learned fast and slowly"),
        "modular": ("byheart.tasks.modular:Modular", "a + b mod p, a part of the table for training"),
        "flipped": ("byheart.tasks.label_noise:Flipped", "any of these with a share of the labels redrawn (--flip)"),
        "in-phases": ("byheart.tasks.in_phases:InPhases", "any of these in phases, one after another: two of digits"),
        "transformed": ("byheart.tasks.transformed:Transformed", "any regression on the log or rank of its target"),
        "validated": ("byheart.tasks.validated:Validated", "any with a part of its test aside, to choose by: digits"),
        "arrays": ("byheart.tasks.arrays:Arrays", "your own arrays: bh.audit((x, y)) or data.npz"),
        "table": ("byheart.tasks.table:Table", "your own table: data.csv or data.parquet with --target"),
        "frame": ("byheart.tasks.frames.frame:Frame", 'your own frame: bh.audit((frame, "target"))'),
        "text": ("byheart.tasks.text:Text", "any text in passages: text.txt, or Python's own manual"),
        "canaries": ("byheart.tasks.canaries:Canaries", "a text with random secrets planted a known number of times"),
        "addition": ("byheart.tasks.recall:Addition", "sequences: the sum of two marked numbers, long ago"),
        "multiplication": ("byheart.tasks.recall:Multiplication", "sequences: the product of two marked numbers"),
        "copy": ("byheart.tasks.recall:CopyMemory", "sequences: ten symbols to be given back after a delay"),
        "sequential-digits": ("byheart.tasks.recall:SequentialDigits", "digits read pixel by pixel, 64 steps"),
        "lorenz63": (
            "byheart.tasks.systems.observed_flows:ObservedLorenz63",
            "system: convection, chaos in 3 dimensions",
        ),
        "lorenz96": (
            "byheart.tasks.systems.observed_flows:ObservedLorenz96",
            "system: a ring of weather, chaos in 20 dimensions",
        ),
        "roessler": ("byheart.tasks.systems.observed_flows:ObservedRoessler", "system: a folded band, weak chaos"),
        "chua": ("byheart.tasks.systems.observed_flows:ObservedChua", "system: a circuit with two scrolls, chaos"),
        "thomas": ("byheart.tasks.systems.observed_flows:ObservedThomas", "system: a lattice of forces, weak chaos"),
        "van-der-pol": ("byheart.tasks.systems.observed_flows:ObservedVanDerPol", "system: an oscillator on its cycle"),
        "duffing": (
            "byheart.tasks.systems.observed_flows:ObservedDuffing",
            "system: a ball that comes to rest in one of two wells",
        ),
        "hindmarsh-rose": (
            "byheart.tasks.systems.observed_flows:ObservedHindmarshRose",
            "system: a neuron that fires in bursts",
        ),
        "mackey-glass": (
            "byheart.tasks.systems.observed_flows:ObservedMackeyGlass",
            "system: a delay equation, x alone is seen",
        ),
        "logistic": ("byheart.tasks.systems.observed_maps:ObservedLogistic", "system: the logistic map, exponent ln 2"),
        "henon": ("byheart.tasks.systems.observed_maps:ObservedHenon", "system: the Henon map, chaos in 2 dimensions"),
        "ikeda": ("byheart.tasks.systems.observed_maps:ObservedIkeda", "system: the Ikeda map, light in a ring"),
        "randomness": ("byheart.tasks.randomness:Randomness", "uniform random sequences: only memory can help"),
    },
    "learner": {
        "mlp": ("byheart.learners.mlp:Mlp", "multilayer perceptron, trained in fleets"),
        "transformer": ("byheart.learners.transformer:Transformer", "small decoder for text, byte by byte"),
        "lagged": ("byheart.learners.lagged:Lagged", "best linear map of the last steps of a series"),
        "memoryless": ("byheart.learners.memoryless:Memoryless", "reads the last step of a sequence alone"),
        "recurrent": ("byheart.learners.recurrent:Recurrent", "LSTM, GRU or plain recurrent network for sequences"),
        "shallow-plrnn": (
            "byheart.learners.piecewise_linear:ShallowPlrnn",
            "shallow piecewise-linear network of a system, trained on windows by forcing",
        ),
        "almost-linear-rnn": (
            "byheart.learners.piecewise_linear:AlmostLinearRnn",
            "almost-linear network of a system, trained on windows by forcing",
        ),
        "plrnn": (
            "byheart.learners.piecewise_linear:Plrnn",
            "piecewise-linear network of a system, trained on windows by forcing",
        ),
        "gru": ("byheart.learners.recurrent:Gru", "GRU, as `recurrent` with cell=gru"),
        "conv": ("byheart.learners.conv:Conv", "small convolutional network for images"),
        "neighbours": ("byheart.learners.neighbours:Neighbours", "k nearest neighbours in closed form"),
        "ridge": ("byheart.learners.ridge:Ridge", "ridge regression on values or one-hot labels, closed form"),
        "kernel-ridge": ("byheart.learners.ridge:KernelRidge", "kernel ridge regression, closed form"),
        "least-squares": ("byheart.learners.random_features:LeastSquares", "linear map of smallest norm, closed form"),
        "random-features": (
            "byheart.learners.random_features:RandomFeatures",
            "random ReLU features, the last layer alone fitted, closed form",
        ),
        "linear-descent": (
            "byheart.learners.linear_descent:LinearDescent",
            "gradient descent on least squares, every step in closed form",
        ),
        "ngram": ("byheart.learners.ngram:Ngram", "what follows the last few tokens of a text, counted"),
        "ten-neighbours": ("byheart.learners.baselines:TenNeighbours", "ten nearest neighbours in closed form"),
        "linear": ("byheart.learners.baselines:Linear", "logistic regression on scaled columns"),
        "boosted-trees": ("byheart.learners.baselines:BoostedTrees", "boosted shallow trees on columns"),
        "rote": ("byheart.learners.reference_learners:Rote", "the pole that remembers everything and knows nothing"),
        "oracle": (
            "byheart.learners.reference_learners:Oracle",
            "the pole that knows the task's truth and remembers nothing",
        ),
        "estimator": ("byheart.learners.estimator:Estimator", "any scikit-learn classifier or regressor"),
        "module": ("byheart.learners.torch_module:FromFactory", "your own torch module, trained by our loop"),
        "user-fit": ("byheart.learners.userfit:UserFit", "your own training: fit(x, y, seed) -> model"),
    },
    "lever": {
        "weight-decay": ("byheart.levers.penalties:WeightDecay", "weights drawn to 0, strength; decoupled, or form=l2"),
        "dropout": ("byheart.levers.penalties:Dropout", "share of hidden units switched off while training"),
        "label-smoothing": ("byheart.levers.penalties:LabelSmoothing", "share of the target spread over all classes"),
        "replay": ("byheart.levers.replay:Replay", "remembered examples of past phases again, share of the new ones"),
        "ewc": ("byheart.levers.consolidation:Consolidation", "weights held where past phases need them, strength"),
        "augmentation": (
            "byheart.levers.augmentation:Augmentation",
            "each step on new draws of your dataset: bh.audit(dataset, clean=the same without)",
        ),
        "manifold-attractor": (
            "byheart.levers.manifold_attractor:ManifoldAttractor",
            "part of a recurrent network held near staying as it is, strength",
        ),
        "mixup": ("byheart.levers.moved_inputs:Mixup", "steps on mixtures of pairs of examples, alpha"),
        "input-noise": ("byheart.levers.moved_inputs:InputNoise", "noise on the inputs of every step, strength"),
        "pruning": (
            "byheart.levers.pruning:Pruning",
            "share of the weights set to 0 at the end, or retrain=N epochs before",
        ),
        "sam": (
            "byheart.levers.sharpness:SharpnessAware",
            "gradients at the worst weights nearby, rho; costs two steps",
        ),
        "shrink-perturb": ("byheart.levers.resets:ShrinkPerturb", "all weights shrunk once on the way, share"),
        "reset-last": ("byheart.levers.resets:ResetLast", "the last layers drawn anew once on the way, how many"),
        "dp-sgd": ("byheart.levers.private_steps:PrivateSteps", "each example's gradient cut and noise added, clip"),
        "early-stop": ("byheart.levers.schedules:EarlyStop", "stop after this many epochs, or view=CLEAN at its best"),
        "data-size": ("byheart.levers.data_size:DataSize", "share of each member's examples that it is trained on"),
        "deduplication": ("byheart.levers.data_size:Deduplication", "share of the surplus exact copies left out"),
    },
    "keep": {
        "weights": ("byheart.training.keep:Weights", "all parameters, at the start, at checkpoints or at the end"),
        "embeddings": ("byheart.training.keep:Embeddings", "what the last layer reads of each example of a view"),
        "first-layer": (
            "byheart.training.keep:FirstLayer",
            "the norm of all weights, and the first ones of two classes",
        ),
        "smoother": ("byheart.training.keep:Smoother", "how many parameters a linear smoother uses on new points"),
        "free-orbits": ("byheart.training.keep:FreeOrbits", "what a model of windows does fed its own predictions"),
        "free-runs": ("byheart.training.keep:FreeRuns", "what a model of sequences says when left to itself"),
        "attribution": ("byheart.learners.attribution_run:Questions", "credit and effect of recorded training"),
    },
    "probe": {
        "memory/counterfactual": (
            "byheart.probes.memory.counterfactual:Counterfactual",
            "Which examples are right only because they were trained on?",
        ),
        "memory/influence": (
            "byheart.probes.memory.influence:Pairs",
            "Which training example helps which new example?",
        ),
        "memory/label-noise": (
            "byheart.probes.memory.label_noise:Quadrant",
            "Which labels are worth checking, and are they memorised?",
        ),
        "memory/membership": (
            "byheart.probes.memory.membership:Membership",
            "Can somebody who holds the model tell who was in the training set?",
        ),
        "memory/duplicates": (
            "byheart.probes.memory.duplicates:Duplicates",
            "Is an example there twice, in training or in the test?",
        ),
        "memory/forgetting": (
            "byheart.probes.memory.forgetting:Forgetting",
            "How much of an earlier phase does training on later ones undo?",
        ),
        "memory/learning-order": (
            "byheart.probes.memory.learning_order:Order",
            "In what order are examples learned, and which cheap proxy predicts memorisation?",
        ),
        "memory/credit": (
            "byheart.probes.memory.credit:Credit",
            "Which training examples is a prediction made of? (on request)",
        ),
        "memory/effect": (
            "byheart.probes.memory.effect:Effect",
            "Whose removal would change a prediction? (on request)",
        ),
        "memory/exposure": (
            "byheart.probes.memory.exposure:Exposure",
            "Can planted secrets be read back from the model, and how often must it have seen them?",
        ),
        "memory/levers": (
            "byheart.probes.memory.levers:Levers",
            "What does each lever move? (on request)",
        ),
        "memory/capacity": (
            "byheart.probes.memory.capacity:Capacity",
            "How many bits of random sequences does the model hold, and how many per parameter?",
        ),
        "generalization/gap": (
            "byheart.probes.generalization.gap:Gap",
            "How much worse is it on examples it has not seen?",
        ),
        "generalization/laziness": (
            "byheart.probes.generalization.laziness:Laziness",
            "Did it learn features of its own, or was it lazy: a fixed kernel that was fitted?",
        ),
        "generalization/measures": (
            "byheart.probes.generalization.measures:Measures",
            "What do the published measures of generalisation say of this network?",
        ),
        "generalization/delay": (
            "byheart.probes.generalization.delay:Delay",
            "When is the training set memorised, when are new examples right, and how much later? (on request)",
        ),
        "generalization/descent": (
            "byheart.probes.generalization.descent:Descent",
            "Does a larger model do better throughout, or is there a peak on the way? (on request)",
        ),
        "generalization/curvature": (
            "byheart.probes.generalization.curvature:Curvature",
            "How sharply does the training loss bend around the trained weights, and in how many directions? "
            "(on request)",
        ),
        "generalization/certificate": (
            "byheart.probes.generalization.certificate:Certificate",
            "How many new examples can it get wrong at most, guaranteed? (on request)",
        ),
        "dynamics/need": (
            "byheart.probes.dynamics.need:NeedOfData",
            "How far back must one remember to predict the next step of this series?",
        ),
        "dynamics/window": (
            "byheart.probes.dynamics.window:Window",
            "Would it predict better if it looked back less far?",
        ),
        "dynamics/orbit": (
            "byheart.probes.dynamics.orbit:Orbit",
            "Left to itself, does it do what the system does, or replay the record?",
        ),
        "dynamics/exponents": (
            "byheart.probes.dynamics.exponents:Exponents",
            "How fast do neighbouring states of this model part, left to itself? (on request)",
        ),
        "dynamics/use": ("byheart.probes.dynamics.use:Use", "How far back does this model remember?"),
        "complexity/description-length": (
            "byheart.probes.complexity.description_length:Bits",
            "How many of the label bits are understood, memorised, left?",
        ),
        "complexity/value-bits": (
            "byheart.probes.complexity.value_bits:ValueBits",
            "How many bits per value are held by heart?",
        ),
    },
    "survey": {
        "dose": ("byheart.surveys.dose:Dose", "Does a quantity grow or fall with a setting, how fast, or level off?"),
        "peak": ("byheart.surveys.peak:Peak", "Where is a quantity largest over a setting, and does that stand out?"),
        "threshold": ("byheart.surveys.threshold:Threshold", "From which value of a setting on does it reach a level?"),
        "budget": ("byheart.surveys.budget:Budget", "Is more understood along a setting, or more remembered?"),
        "ranking": ("byheart.surveys.ranking:Ranking", "Which measure orders the subjects as a target does?"),
        "frontier": ("byheart.surveys.frontier:Frontier", "Which subjects does no other beat on two quantities?"),
        "power-law": ("byheart.surveys.power_law:PowerLaw", "Does a quantity go with a power of a size, and which?"),
    },
    "verdict": {
        "BH101": ("byheart.verdicts.rules:LabelsToCheck", "labels worth checking"),
        "BH102": ("byheart.verdicts.rules:MuchMemorised", "a large share of the label bits is memorised"),
        "BH103": ("byheart.verdicts.rules:Power", "the headline is known only roughly"),
        "BH104": ("byheart.verdicts.training:Overfitting", "better on new examples before the end of training"),
        "BH105": ("byheart.verdicts.training:Underfitting", "a simpler model does better"),
        "BH106": ("byheart.verdicts.training:Overconfident", "probabilities that are too sharp"),
        "BH201": ("byheart.verdicts.memory_in_time:MoreMemory", "memory in time that costs more than it brings"),
    },
    "engine": {
        "inline": ("byheart.engines.inline:Inline", "everything in this process (--jobs 1)"),
        "pool": ("byheart.engines.pool:Pool", "worker processes on this machine (--jobs 2 and more)"),
    },
    "ledger": {
        "sqlite": ("byheart.ledger.sqlite:SqliteLedger", "results kept in a folder: an index, and blobs by content")
    },
}


# old name -> new name: for one version an old word still works, and the new one is said
RENAMED: dict[str, dict[str, str]] = {
    "probe": {
        "memory/quadrant": "memory/label-noise",
        "memory/order": "memory/learning-order",
        "memory/pairs": "memory/influence",
        "complexity/bits": "complexity/description-length",
        "generalization/width": "generalization/descent",
    }
}


def renamed(kind: str, name: str) -> str:
    """The name that a thing has today; of an old one it is said, once, on standard error.

    Example:
        >>> renamed("probe", "memory/membership")
        'memory/membership'
    """
    if name not in RENAMED.get(kind, {}):
        return name
    _say(kind, name)
    return RENAMED[kind][name]


@cache
def _say(kind: str, name: str) -> None:
    put(f"byheart: the {kind} {name} is called {RENAMED[kind][name]} now.", sys.stderr)


def plugins(kind: str) -> dict[str, metadata.EntryPoint]:
    """Entry points of the group `byheart.KIND`; named here, imported only when asked for."""
    return {point.name: point for point in _points(f"byheart.{kind}", tuple(sys.path))}


@cache
def _points(group: str, path: tuple[str, ...]) -> metadata.EntryPoints:
    """Entry points of a group in these folders, looked for once (milliseconds)."""
    return metadata.entry_points(group=group)


def names(kind: str) -> dict[str, str]:
    """Every known name of a kind with its one line.

    Example:
        >>> names("task")["modular"]
        'a + b mod p, a part of the table for training'
    """
    if kind not in BUILT_IN:
        raise unknown_name("kind", kind, BUILT_IN)
    listed = {name: line for name, (_, line) in BUILT_IN[kind].items()}
    return listed | {name: f"plug-in {point.value}" for name, point in plugins(kind).items()}


def find(kind: str, name: str) -> Any:
    """The class called `name`; a wrong word is answered with the nearest right one.

    Raises:
        UnknownName: no such kind or name.
    """
    name = renamed(kind, name)
    if name in BUILT_IN.get(kind, {}):
        module, _, attribute = BUILT_IN[kind][name][0].partition(":")
        return getattr(importlib.import_module(module), attribute)
    known = names(kind)  # looks through all that is installed
    if name in known:
        return plugins(kind)[name].load()
    raise unknown_name(kind, name, known)
