"""What the strict classes share: where PythonQt differs from PySide6, and the error for what is not stood in for."""

from __future__ import annotations

from collections.abc import Callable

ui_loading: list[str] = []
"""Names of the .ui files being loaded right now."""


class HarnessGapError(NotImplementedError):
    """A real Slicer has this name; the harness does not stand in for it."""


class Overrides:
    """Behaviour that replaces PySide6's, by dump class and name: PythonQt or Qt 5 differ there."""

    def __init__(self) -> None:
        self.methods: dict[tuple[str, str], Callable] = {}
        self.statics: dict[tuple[str, str], Callable] = {}
        self.getters: dict[tuple[str, str], Callable] = {}
        self.setters: dict[tuple[str, str], Callable] = {}

    def method(self, cls: str, name: str):
        return lambda function: self.methods.setdefault((cls, name), function)

    def static(self, cls: str, name: str):
        return lambda function: self.statics.setdefault((cls, name), function)

    def property(self, cls: str, name: str, getter: Callable, setter: Callable | None = None) -> None:
        self.getters[cls, name] = getter
        if setter is not None:
            self.setters[cls, name] = setter


overrides = Overrides()
