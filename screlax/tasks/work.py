"""What an engine must know of a kind of task; sweeps, landscape and bench have one each."""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

Task = TypeVar("Task", bound=Hashable)
Outcome = TypeVar("Outcome")


class Work(ABC, Generic[Task, Outcome]):
    """How tasks of one kind are done and their outcomes kept; small, since every worker gets it.

    Attributes
    ----------
    mark : str
        Of every file in a store: what is in it, and the number of its format.
    """

    mark: str

    @abstractmethod
    def run(self, task: Task) -> Outcome:
        """Do a task."""

    @abstractmethod
    def failure(self, task: Task, reason: str) -> Outcome:
        """Return the outcome of a task that kills the process that does it, or raise."""

    @abstractmethod
    def place(self, task: Task) -> str:
        """Return the name of a task's file within a store, without its suffix."""

    @abstractmethod
    def identity(self, task: Task) -> Any:
        """Return everything that the outcome depends on, as JSON has it."""

    @abstractmethod
    def record(self, outcome: Outcome) -> dict[str, Any] | None:
        """Return what is kept of an outcome, as JSON has it; None for what is to be tried again."""

    @abstractmethod
    def restore(self, task: Task, record: dict[str, Any]) -> Outcome:
        """Return the outcome that a record says, or raise nearly anything where it makes no sense.

        What can be computed from the rest for little is computed here and not believed.
        """

    def stands(self, outcome: Outcome) -> bool:
        """Whether an outcome that was kept is one, or to be tried again."""
        return True

    def former(self, task: Task) -> str | None:
        """Return the name of the file that screlax 0.1 kept of a task, if it kept any."""
        return None

    def most_bytes(self, task: Task) -> int:
        """Return the size beyond which a record cannot be one, so that it need not be read."""
        return 1 << 16
