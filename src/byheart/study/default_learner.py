"""Which learner is trained where none was given?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from byheart.study import parse
from byheart.tasks.output import Output


def default_learner(n: int, share: float, settings: Mapping[str, Any], output: Output) -> Any:
    """The default learner for n training examples: an MLP, epochs chosen so that it takes about 1,100 steps.

    Text gets a small transformer (`Output.learner`), and about 530 steps (24 epochs of the embedded text's 1,000
    passages).

    On the embedded images that is 20 epochs of batches of 64, where memorising shows and the fit is good; smaller data
    need more epochs for as many steps, at most 100; larger data take more steps, at least 20 epochs (text: 10).
    """
    made = parse.spec("learner", output.learner, settings)
    if "epochs" in settings:
        return made
    steps = max(1, -(-round(share * n) // max(1, made.batch)))
    fewest, wanted = (10, 530) if output.passages else (20, 1100)
    return parse.changed(made, {"epochs": int(min(100, max(fewest, round(wanted / steps))))})
