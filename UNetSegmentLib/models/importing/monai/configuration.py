"""A bundle's configuration: plain values, references (``@name``), and components (``_target_``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .expressions import evaluate
from .refusal import damaged, refused

MAX_STEPS = 100_000  # values looked at while one bundle is read
MAX_DEPTH = 60
_MISSING = object()


@dataclass(frozen=True, eq=False)
class Component:
    """One object that MONAI would make: its class's name, and its arguments, resolved when they are asked for.

    Attributes:
        target: the last part of ``_target_`` (``UNet`` of ``monai.networks.nets.UNet``).
        full_target: the whole of it.
    """

    target: str
    full_target: str
    arguments: dict[str, Any]
    configuration: Configuration
    used: set[str]

    def get(self, name: str, default: Any = None) -> Any:
        """The resolved argument, or ``default`` where the bundle leaves it out."""
        self.used.add(name)
        if name not in self.arguments:
            return default
        return self.configuration.resolve(self.arguments[name])

    def raw(self, name: str) -> Any:
        """The argument as it stands in the file."""
        self.used.add(name)
        return self.arguments.get(name)

    def need(self, name: str) -> Any:
        """The resolved argument. Raises ModelError where it is missing."""
        if name not in self.arguments:
            raise damaged(f"'{self.target}' has no argument '{name}'")
        return self.get(name)

    def ignore(self, *names: str) -> None:
        """Arguments that change nothing for us."""
        self.used.update(names)

    def finish(self) -> None:
        """Raises ModelError when an argument was given that nobody asked for: it might have mattered."""
        for name in self.arguments:
            if name not in self.used:
                raise refused(f"the argument '{name}' of '{self.target}' is not supported")


class Configuration:
    """Access to the entries of an inference configuration by name (``a#b#0`` for what is inside).

    Only what is asked for is looked at, so that the paths, data lists and handlers of a bundle do not matter.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self._open: list[str] = []
        self._steps = 0

    def has(self, name: str) -> bool:
        return name in self.data

    def get(self, name: str, default: Any = None) -> Any:
        """The resolved value of an entry.

        Raises:
            ModelError: it refers to itself or to something missing, or has an expression that is not understood.
        """
        if name.split("#")[0] not in self.data:
            return default
        return self._lookup(name)

    def resolve(self, value: Any) -> Any:
        """A raw value without references and expressions; what has a ``_target_`` becomes a :class:`Component`."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise damaged("its configuration refers to itself over and over")
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if isinstance(value, dict):
            if "_target_" in value:
                return self._component(value)
            return {key: self.resolve(item) for key, item in value.items()}
        return value

    def components(self) -> Iterator[Component]:
        """Every component at the top level and in lists there, unresolved inside."""
        for value in self.data.values():
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict) and isinstance(item.get("_target_"), str):
                    yield self._make(item)

    def _text(self, text: str) -> Any:
        if text.startswith("$"):
            return evaluate(text[1:], self._lookup)
        if text.startswith("@"):
            return self._lookup(text[1:])
        if text.startswith("%"):
            if text.count("%") > 1 or "." in text:
                raise refused(f"it takes in another file ('{text[:80]}')")
            return self._lookup(text[1:])
        return text

    def _lookup(self, name: str) -> Any:
        name = name.replace("::", "#")
        if name in self._open or len(self._open) > MAX_DEPTH:
            raise damaged(f"the entry '{name}' of its configuration refers to itself")
        value: Any = self.data
        for key in name.split("#"):
            value = self._inside(value, key)
            if value is _MISSING:
                raise damaged(f"its configuration refers to '{name}', which it does not have")
        self._open.append(name)
        try:
            return self.resolve(value)
        finally:
            self._open.pop()

    def _inside(self, value: Any, key: str) -> Any:
        if isinstance(value, str) and value.startswith(("@", "$", "%")):
            value = self.resolve(value)
        if isinstance(value, Component):
            value = value.arguments
        if isinstance(value, dict):
            return value.get(key, value.get(int(key), _MISSING) if key.isdecimal() else _MISSING)
        if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            return value[int(key)]
        return _MISSING

    def _component(self, value: dict[str, Any]) -> Component | None:
        disabled = value.get("_disabled_", False)
        if disabled not in (False, "false", "False") and self.resolve(disabled):
            return None
        if value.get("_mode_", "default") != "default":
            raise refused(f"'{value['_target_']}' is to be made in the mode '{value['_mode_']}'")
        return self._make(value)

    def _make(self, value: dict[str, Any]) -> Component:
        target = value["_target_"]
        if not isinstance(target, str):
            raise damaged("a component's '_target_' is no text")
        if target.startswith(("@", "$")):
            target = str(self.resolve(target))
        arguments = {k: v for k, v in value.items() if not (k.startswith("_") and k.endswith("_"))}
        return Component(target.rpartition(".")[2], target, arguments, self, set())


def is_own_code(component: Component) -> bool:
    """Whether the class comes from the bundle's own scripts (or anything that is not MONAI)."""
    head = component.full_target.split(".")[0]
    return "." in component.full_target and head != "monai"


def chain(value: Any, what: str) -> list[Component]:
    """The steps of a ``Compose`` or a list of transforms.

    Raises:
        ModelError: it is something else.
    """
    if value is None:
        return []
    if isinstance(value, Component) and value.target == "Compose":
        value.ignore("lazy", "map_items", "unpack_items", "log_stats")
        steps = value.get("transforms", [])
        if value.get("overrides") or value.get("threading"):
            raise refused(f"the 'Compose' of its {what} overrides its steps")
        return chain(steps if isinstance(steps, list) else [steps], what)
    if isinstance(value, Component):
        return [value]
    if not isinstance(value, list):
        raise refused(f"its {what} is no chain of transforms")
    steps = []
    for item in value:
        if item is None:
            continue
        if not isinstance(item, Component):
            raise refused(f"its {what} holds something that is no transform")
        steps += chain(item, what) if item.target == "Compose" else [item]
    return steps


def each(value: Any, convert: Callable[[Any], Any]) -> list[Any]:
    """A value or a list of them, as a list of converted values."""
    return [convert(item) for item in value] if isinstance(value, list | tuple) else [convert(value)]
