"""Users' code: what a learner made of a function of the user's knows of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

from pydantic import PrivateAttr

from byheart.fingerprint.code import again, comes_back, fingerprint
from byheart.learners.base import Learner
from byheart.tasks.data import Data


class UsersCode(Learner):
    """A learner that calls a function of the user's, on x as it was given.

    Args:
        code: digest of the function and all it depends on; empty where it cannot be had.
        path: its file.
        qualname: its name there.
        files: digest of that file and of those that it imports, compared before they are run.
        told: settings that tell it from the same function without them, where there is no digest to do so.
    """

    prepares: ClassVar[bool] = False
    factory: ClassVar[bool] = False  # it makes torch modules, and what it makes at seed 0 enters the digest
    not_in_key: ClassVar[frozenset[str]] = frozenset({"path", "files"})
    code: str = ""
    path: str = ""
    qualname: str = ""
    files: str = ""
    told: str = ""
    _function: Callable[..., Any] | None = PrivateAttr(default=None)
    _reasons: tuple[str, bool] = PrivateAttr(default=("", True))

    @classmethod
    def known(cls, function: Callable[..., Any], code: str | None = None, **fields: Any) -> Self:
        """The learner of `function`; `code` is its digest where that is known already."""
        found = fingerprint(function, factory=cls.factory and code is None)
        digest = found.digest if code is None else code
        learner = cls(code=digest or "", path=found.path or "", qualname=found.qualname, files=found.files, **fields)
        learner._function, learner._reasons = function, (found.reason, found.portable)
        return learner

    def key_fields(self) -> dict[str, Any]:
        """The fields; `told` only where it says something."""
        return {name: value for name, value in super().key_fields().items() if name != "told" or value}

    def settings(self) -> dict[str, Any]:
        """The fields; `told` stands among the levers."""
        return {name: value for name, value in super().settings().items() if name != "told"}

    @property
    def keyed(self) -> bool:
        """Whether all that the function depends on could be read."""
        return bool(self.code)

    @property
    def portable(self) -> bool:
        """Whether a worker gets the same function from its file; asking may cost a process."""
        made_here = self._function is not None
        return not made_here or (self._reasons[1] and comes_back(self.path, self.qualname, self.code, self.factory))

    @property
    def unkeyed_reason(self) -> str:
        """What could not be read."""
        return "" if self.keyed else self._reasons[0] or "nothing is known of its code"

    def title(self, data: Data) -> str:
        """The function's name."""
        return self.qualname or self.name

    def function(self) -> Callable[..., Any]:
        """The function: the one given, or the one in the file if it is still the same."""
        return self._function or again(self.path, self.qualname, self.code, self.factory, self.files)
