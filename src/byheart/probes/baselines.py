"""Baselines: which cheap learners is an audited recipe held against?"""

from __future__ import annotations

from byheart.probes.base import Subject

# name of a baseline -> its family
TABLE = {"ten-neighbours": "neighbours", "linear": "linear", "boosted-trees": "trees"}
ANY = {"neighbours": "neighbours", "ridge": "linear"}
TITLES = {
    "ten-neighbours": "10 nearest neighbours", "linear": "logistic regression", "boosted-trees": "boosted trees",
    "neighbours": "1-nearest neighbour", "ridge": "ridge regression",
}  # fmt: skip


def of_other_families(subject: Subject) -> tuple[str, ...]:
    """Cheap learners of other families than the audited one; recipes of one family err on the same examples.

    Ten neighbours, linear and boosted trees for tables of classes; for pictures one neighbour, which is looked up
    anyway, or ridge regression. None for values and text, where no label can be wrong.

    Example:
        >>> from byheart.learners.neighbours import Neighbours
        >>> from byheart.tasks.digits import Digits
        >>> of_other_families(Subject(Digits(), Neighbours(), offers=frozenset({"table", "classes"})))
        ('linear', 'boosted-trees')
    """
    if "classes" not in subject.offers:
        return ()
    table = "table" in subject.offers
    found = tuple(name for name, family in (TABLE if table else ANY).items() if family != subject.learner.family)
    return found if table else found[:1]
