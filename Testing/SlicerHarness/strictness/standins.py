"""Help for writing stand-in widgets."""

from __future__ import annotations

from . import dump
from .strict import qt_class


def kept(name: str, default=None) -> property:
    """Make a property that only keeps its value: it changes nothing a test could see."""
    private = f"_kept_{name}"

    def read(self):
        return getattr(self, private, default)

    def write(self, value) -> None:
        setattr(self, private, value)

    return property(read, write)


def derive(name: str, qt_base: str, **members) -> type:
    """Make a stand-in that is its Qt base and nothing more; ``members`` are properties that are only kept."""
    base = qt_class(qt_base)
    return type(base)(name, (base,), members, kind="standin", table=dump.class_table(name))
