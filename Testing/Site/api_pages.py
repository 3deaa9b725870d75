"""Pages of the Python API, one a room: the public names of its package, described by their docstrings."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType

ROOMS = (
    ("UNetSegmentLib", "The names that most programs need"),
    ("UNetSegmentLib.io", "Reading and writing"),
    ("UNetSegmentLib.models", "Models and importing"),
    ("UNetSegmentLib.inference", "Running a model"),
    ("UNetSegmentLib.refinement", "Correcting masks"),
    ("UNetSegmentLib.networks", "Networks"),
    ("UNetSegmentLib.training", "Training"),
    ("UNetSegmentLib.reporting", "Measures, scores and pictures"),
    ("UNetSegmentLib.worker.client", "A model in a process of its own"),
)


def pages() -> dict[str, str]:
    """Markdown by file name, for mkdocstrings."""
    texts = {f"{_file(name)}.md": _page(name, title) for name, title in ROOMS}
    index = "\n".join(f"- [{title}]({_file(name).rpartition('/')[2]}.md) (`{name}`)" for name, title in ROOMS)
    return {"api/index.md": f"# Python API\n\n{index}\n", **texts}


def _file(name: str) -> str:
    return f"api/{name.rpartition('.')[2].lower()}"


def _page(name: str, title: str) -> str:
    package = importlib.import_module(name)
    head = [f"# {title}", "", f"`{name}`: {(package.__doc__ or '').strip()}", ""]
    shown = [f"::: {where}" for where in dict.fromkeys(_places(package))]
    return "\n".join([*head, *(line for entry in shown for line in (entry, ""))])


def _places(package: ModuleType) -> list[str]:
    """Where each public class and function of a package is defined, as a dotted path."""
    places = []
    for public in getattr(package, "__all__", ()):
        value = getattr(package, public)
        if inspect.isclass(value) or inspect.isfunction(value):
            places.append(f"{value.__module__}.{value.__qualname__}")
    return places
