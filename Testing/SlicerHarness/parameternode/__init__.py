"""``slicer.parameterNodeWrapper``: typed parameters with widgets connected to them.

Parameter packs, dictionaries, tuples, colours and GUI creation are left out: the module has no use for them.
"""

from __future__ import annotations

import types

from ..strictness import dump
from ..strictness.overrides import HarnessGapError
from . import annotations, wrapper


class _Module(types.ModuleType):
    def __getattr__(self, name: str):
        if not name.startswith("__") and name in dump.module_functions("slicer.parameterNodeWrapper"):
            raise HarnessGapError(f"slicer.parameterNodeWrapper.{name} exists in Slicer but not in this harness")
        raise AttributeError(f"slicer.parameterNodeWrapper has no '{name}' in Slicer (shared/slicer_api)")


def make_module() -> types.ModuleType:
    """Build the module; ``import *`` gives what is public, as in Slicer."""
    module = _Module("slicer.parameterNodeWrapper", __doc__)
    listed = dump.module_functions("slicer.parameterNodeWrapper")
    found = {**vars(annotations), **vars(wrapper)}
    public = {
        name: value for name, value in found.items() if name in listed and not isinstance(value, types.ModuleType)
    }
    module.__dict__.update(public)
    module.__all__ = [name for name in public if name not in ("annotations",)]
    return module
