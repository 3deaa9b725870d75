"""``slicer.packaging`` that installs nothing: it records what was asked and answers as the test has set."""

from __future__ import annotations

import importlib.metadata
import types
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement

from ..strictness import dump


@dataclass
class Record:
    """What the module asked for, and how the next installation ends."""

    calls: list[tuple[str, tuple, dict]] = field(default_factory=list)
    installed: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    declined: bool = False
    fails: bool = False

    def reset(self) -> None:
        self.__init__()


record = Record()


def load_requirements(path) -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line]


def pip_check(req, _seen=None) -> bool:
    if isinstance(req, list):
        return all(pip_check(item) for item in req)
    requirement = Requirement(str(req))
    if requirement.name in record.missing:
        return False
    if requirement.name in record.installed:
        return True
    try:
        return requirement.specifier.contains(importlib.metadata.version(requirement.name), prereleases=True)
    except importlib.metadata.PackageNotFoundError:
        return False


def pip_ensure(
    requirements,
    constraints=None,
    skip_packages=None,
    prompt_install=True,
    prompt_restart=True,
    requester=None,
    skip_in_testing=True,
    show_progress=True,
):
    record.calls.append(("pip_ensure", (requirements,), {"skip_in_testing": skip_in_testing, "requester": requester}))
    if record.declined:
        raise RuntimeError("installation was declined")
    _install(requirements)
    return []


def pip_install(
    requirements,
    constraints=None,
    no_deps_requirements=None,
    skip_packages=None,
    blocking=True,
    show_progress=True,
    requester=None,
    logCallback=None,
    completedCallback=None,
):
    record.calls.append(("pip_install", (requirements,), {"blocking": blocking, "requester": requester}))
    if logCallback is not None:
        logCallback(f"would install {requirements}")
    if not record.fails:
        _install(requirements)
    elif blocking:
        raise RuntimeError("pip failed")
    if completedCallback is not None:
        completedCallback(1 if record.fails else 0)
    return []


def pip_uninstall(requirements, blocking=True, logCallback=None, completedCallback=None) -> None:
    record.calls.append(("pip_uninstall", (requirements,), {"blocking": blocking}))
    if completedCallback is not None:
        completedCallback(0)


def isPipInstallInProgress() -> bool:
    return False


def _install(requirements) -> None:
    for item in requirements if isinstance(requirements, list) else [requirements]:
        name = Requirement(str(item)).name
        record.installed.add(name)
        record.missing.discard(name)


def make_module() -> types.ModuleType:
    """Build ``slicer.packaging`` from the functions here that Slicer's has too."""
    module = types.ModuleType("slicer.packaging", __doc__)
    listed = dump.module_functions("slicer.packaging")
    module.__dict__.update({name: value for name, value in globals().items() if name in listed})
    return module
