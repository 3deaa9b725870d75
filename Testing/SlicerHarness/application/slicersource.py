"""Slicer's own Python files out of a checkout, in place of the stand-ins: ``pytest --slicer-source DIR``.

Of ``slicer.packaging`` what runs pip stays a stand-in: tests install nothing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import types
from pathlib import Path

MODULES = ("util", "i18n", "packaging", "ScriptedLoadableModule", "parameterNodeWrapper")
RUNS_PIP = ("pip_install", "pip_uninstall", "pip_ensure", "pip_check")
OPTION = "--slicer-source"


def add_option(parser) -> None:
    """Give pytest the option, once though two folders of tests ask for it."""
    try:
        parser.addoption(OPTION, metavar="DIR", help="a checkout of Slicer whose Python files replace the stand-ins")
    except ValueError as error:
        if OPTION not in str(error):
            raise


def folder_of(given: str | None) -> Path | None:
    """Return the folder of ``slicer/util.py`` in a checkout; None when no checkout is given.

    Raises:
        FileNotFoundError: there is none.
    """
    if given is None:
        return None
    for candidate in (Path(given) / "Base" / "Python" / "slicer", Path(given) / "slicer", Path(given)):
        if (candidate / "parameterNodeWrapper" / "__init__.py").is_file():
            return candidate.resolve()
    raise FileNotFoundError(f"{given} is no checkout of Slicer: Base/Python/slicer is not there")


def load(folder: Path, name: str) -> types.ModuleType:
    """Import ``slicer.<name>`` from its file; ``slicer`` itself must be in ``sys.modules``."""
    path = folder / name / "__init__.py" if (folder / name).is_dir() else folder / f"{name}.py"
    spec = importlib.util.spec_from_file_location(
        f"slicer.{name}", path, submodule_search_locations=[str(path.parent)] if path.name == "__init__.py" else None
    )
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(spec.name)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    if before is not None:
        sys.modules[spec.name] = before
    return module


def differences(ours: types.ModuleType, theirs: types.ModuleType) -> list[str]:
    """Say in what the public functions and classes of two modules of one name differ; of util also in the code."""
    found = []
    for name in getattr(theirs, "__all__", None) or [n for n in vars(theirs) if not n.startswith("_")]:
        value = getattr(theirs, name, None)
        if not callable(value) or not getattr(value, "__module__", "").startswith("slicer."):
            continue
        own = vars(ours).get(name)
        if own is None:
            found.append(f"{theirs.__name__}.{name} is not stood in for")
        elif _signature(own) != _signature(value):
            found.append(f"{theirs.__name__}.{name}{_signature(value)} is here {_signature(own)}")
        elif theirs.__name__ == "slicer.util" and _code(own) != _code(value):
            found.append(f"{theirs.__name__}.{name} has other code in slicer-core")
    return found


def _signature(value) -> str:
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return ""
    return "(" + ", ".join(p.name for p in parameters) + ")"


def _code(value) -> str:
    try:
        return hashlib.sha256(inspect.getsource(value).encode()).hexdigest()
    except (OSError, TypeError):
        return ""
