"""Recall: tasks in which what is asked for stood many steps ago: addition, multiplication, copy, digits in pixels."""

from byheart.tasks.recall.copy_memory import CopyMemory
from byheart.tasks.recall.marked import Addition, Multiplication
from byheart.tasks.recall.sequential_digits import SequentialDigits
from byheart.tasks.recall.solved import solved

__all__ = ["Addition", "CopyMemory", "Multiplication", "SequentialDigits", "solved"]
