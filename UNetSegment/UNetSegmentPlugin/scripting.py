"""The scripted use of the module: names and nodes in, a segmentation node out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from UNetSegmentLib.errors import Cancelled, InputError
from UNetSegmentLib.models import find_model, read_card

from .running.runs import Order, Run
from .scene import inputs
from .scene.results import NEW, Destination


def segment(
    runner,
    order: Order,
    wait: bool = True,
    on_progress: Callable[[Run], None] | None = None,
    on_done: Callable[[Run], None] | None = None,
):
    """Runs ``order``. With ``wait`` returns the segmentation node when it is done, else the Run at once.

    Raises:
        UNetSegmentError: what went wrong; Cancelled when the run was cancelled.
    """
    run = runner.submit(order)
    notify(runner, run, on_progress, on_done)
    if not wait:
        return run
    runner.wait(run)
    if run.error is not None:
        raise run.error
    if run.written is None:
        raise Cancelled()
    return run.written.segmentation


def import_model(installer, path, trust: bool) -> list[str]:
    """Imports and waits. Returns the names of the new models.

    Raises:
        UNetSegmentError: what went wrong; Cancelled when it was cancelled.
    """
    installation = installer.wait(installer.import_model(str(path), Path(path).name, trust))
    if installation.error is not None:
        raise installation.error
    if not installation.models:
        raise Cancelled()
    return [model.name for model in installation.models]


def make_order(
    volume_node,
    model: str,
    roi=None,
    other_channels: Sequence = (),
    segmentation=None,
    policy: str | None = None,
    **options: Any,
) -> Order:
    """An order out of what a script gives. ``model`` is a name or the path of a package.

    Raises:
        ModelError, InputError: no such model, channels missing.
    """
    package = model if Path(model).exists() else find_model(model)
    card = read_card(package)
    volumes = (volume_node, *other_channels)
    inputs.check(volumes, card)
    if policy is None:
        policy = NEW if segmentation is None else "replace"
    destination = Destination(policy, segmentation)
    if destination.problem():
        raise InputError(destination.problem())
    return Order(volumes, card, str(package), roi, destination, **options)


def notify(runner, run: Run, on_progress: Callable[[Run], None] | None, on_done: Callable[[Run], None] | None) -> None:
    """Calls back for one run: ``on_progress`` at every change, ``on_done`` once at its end."""

    def changed(other: Run | None) -> None:
        if other is not run:
            return
        if run.state.final:
            runner.forget(changed)
            if on_done is not None:
                on_done(run)
        elif on_progress is not None:
            on_progress(run)

    runner.observe(changed)
