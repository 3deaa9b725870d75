"""Whether a model may be copied to a host that lacks it: asked once, and remembered with the host."""

from collections.abc import Callable, Iterable

from . import hosts
from .runs import Run


class ModelPermission:
    """Attributes:
    ask: puts the question of a run's model to the user; whoever shows a panel sets it.
    asking: whether it stands there; the application goes on meanwhile.
    """

    def __init__(self) -> None:
        self.ask: Callable[[Run], bool] = lambda run: False
        self.asking = False
        self._refused: dict[tuple[str, str], int] = {}

    def given(self, run: Run, others: Iterable[Run]) -> bool:
        """Asks at most once for all runs that were asked for before the answer.

        Args:
            others: that are not finished.
        """
        where, model = run.order.where, run.order.package
        if hosts.may_send_models(where):
            return True
        if run.number <= self._refused.get((where, model), -1):
            return False
        self.asking = True
        try:
            may = self.ask(run)
        finally:
            self.asking = False
        if may:
            hosts.permit_models(where)
            return True
        self._refused[where, model] = max([run.number, *(other.number for other in others)])
        return False
