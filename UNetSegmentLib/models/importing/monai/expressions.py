"""The few ``$`` expressions of a bundle that are understood, worked out by hand on their syntax tree.

Nothing is ever passed to ``eval``, no module is imported and no attribute is looked up: an expression is parsed, and
every node must be one of the kinds below. Arithmetic, comparisons, conditions, lists and dictionaries of literals and
references, ``len``, ``int``, ``float``, ``bool``, ``str``, ``list``, ``tuple``, and a handful of names that stand for a
constant (``torch.float32``). Everything else is refused with its own text.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

from .refusal import refused

MAX_TEXT = 2000  # characters of one expression
MAX_ITEMS = 10_000  # of a list or text that an expression makes
_REFERENCE = re.compile(r"@(\w+(?:(?:#|::)\w+)*)")
_PLACEHOLDER = "__reference_{}__"

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_CALLS: dict[str, Callable[[Any], Any]] = {
    "len": len,
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "list": list,
    "tuple": tuple,
}
_CONSTANTS = {
    "monai.utils.CommonKeys.IMAGE": "image",
    "monai.utils.CommonKeys.LABEL": "label",
    "monai.utils.CommonKeys.PRED": "pred",
    **{f"{m}.{t}": t for m in ("torch", "numpy", "np") for t in ("float16", "float32", "float64", "uint8", "int16")},
    **{f"{m}.{t}": t for m in ("torch", "numpy", "np") for t in ("int32", "int64")},
}
_METHODS_WITHOUT_EFFECT = ("to", "eval", "cpu", "float")


def evaluate(text: str, lookup: Callable[[str], Any]) -> Any:
    """The value of an expression (without its ``$``).

    Args:
        text: the expression; ``@name`` in it refers to another entry of the configuration.
        lookup: the value of such an entry.

    Raises:
        ModelError: it is anything but the harmless kinds that this module names.
    """
    if len(text) > MAX_TEXT:
        raise refused(f"an expression of {len(text)} characters")
    names: list[str] = []

    def placeholder(match: re.Match[str]) -> str:
        names.append(match[1])
        return _PLACEHOLDER.format(len(names) - 1)

    try:
        tree = ast.parse(_REFERENCE.sub(placeholder, text).strip(), mode="eval")
        return _Evaluation(text, names, lookup).value(tree.body)
    except (SyntaxError, ValueError, TypeError, ArithmeticError, LookupError, RecursionError, MemoryError) as error:
        raise refused(f"the expression '${_short(text)}' is not understood", detail=str(error)) from None


class _Evaluation:
    """One expression: its text for messages, its references, and how to follow them."""

    def __init__(self, text: str, names: list[str], lookup: Callable[[str], Any]) -> None:
        self.text = text
        self.lookup = lookup
        self.references = {_PLACEHOLDER.format(n): name for n, name in enumerate(names)}

    def value(self, node: ast.AST) -> Any:
        kind = type(node).__name__
        method = getattr(self, f"_{kind.lower()}", None)
        if method is None:
            raise refused(f"the expression '${_short(self.text)}' would have to be run as a program ({kind})")
        return _bounded(method(node))

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _name(self, node: ast.Name) -> Any:
        if node.id in self.references:
            return self.lookup(self.references[node.id])
        raise refused(f"the name '{node.id}' in the expression '${_short(self.text)}' is not known")

    def _attribute(self, node: ast.Attribute) -> Any:
        name = _dotted(node)
        if name not in _CONSTANTS:
            raise refused(f"'{name}' in the expression '${_short(self.text)}' would have to be run as a program")
        return _CONSTANTS[name]

    def _list(self, node: ast.List) -> list[Any]:
        return [self.value(item) for item in node.elts]

    def _tuple(self, node: ast.Tuple) -> list[Any]:
        return [self.value(item) for item in node.elts]

    def _dict(self, node: ast.Dict) -> dict[Any, Any]:
        if None in node.keys:
            raise TypeError("a dictionary that takes in another one")
        return {self.value(k): self.value(v) for k, v in zip(node.keys, node.values, strict=True) if k is not None}

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        return _UNARY[type(node.op)](self.value(node.operand))

    def _binop(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.Mod) and not isinstance(left, int | float):
            raise TypeError("formatting of texts")
        if isinstance(node.op, ast.Mult):
            _check_repetition(left, right)
        return _BINARY[type(node.op)](left, right)

    def _boolop(self, node: ast.BoolOp) -> Any:
        result: Any = None
        for operand in node.values:
            result = self.value(operand)
            if bool(result) != isinstance(node.op, ast.And):
                break
        return result

    def _compare(self, node: ast.Compare) -> bool:
        left = self.value(node.left)
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.value(right_node)
            if not _COMPARE[type(op)](left, right):
                return False
            left = right
        return True

    def _ifexp(self, node: ast.IfExp) -> Any:
        return self.value(node.body if self.value(node.test) else node.orelse)

    def _subscript(self, node: ast.Subscript) -> Any:
        return self.value(node.value)[self.value(node.slice)]

    def _call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS_WITHOUT_EFFECT:
            # "@network_def.to(@device)": where a network lies is our own business.
            target = node.func.value
            if isinstance(target, ast.Name) and target.id in self.references:
                return self.value(target)
        if not isinstance(node.func, ast.Name) or node.func.id not in _CALLS or len(node.args) != 1 or node.keywords:
            name = _dotted(node.func) or "a function"
            raise refused(f"'{name}(...)' in the expression '${_short(self.text)}' would have to be run as a program")
        return _CALLS[node.func.id](self.value(node.args[0]))


def _check_repetition(left: Any, right: Any) -> None:
    for many, times in ((left, right), (right, left)):
        if isinstance(many, list | str | tuple) and isinstance(times, int) and len(many) * times > MAX_ITEMS:
            raise ValueError("too long a list or text")


def _bounded(value: Any) -> Any:
    if isinstance(value, str | list | tuple | dict) and len(value) > MAX_ITEMS:
        raise ValueError("too long a list or text")
    if isinstance(value, int) and value.bit_length() > 256:
        raise ValueError("too large a number")
    return value


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "..."


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."
