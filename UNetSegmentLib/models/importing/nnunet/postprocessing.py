"""nnU-Net's post-processing files, read without unpickling anything but two inert names and numbers.

``postprocessing.pkl`` holds a list of functions and a list of their arguments. ``postprocessing.json`` beside it names
the same functions. The only one that nnU-Net determines keeps the largest component of some labels together.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ....errors import ModelError
from ...card import PostprocessingStep
from ..archive import SourceFiles, read_bytes, shown
from ..fields import read_json

_MODULE = "nnunetv2.postprocessing.remove_connected_components"
_KEEP_LARGEST = "remove_all_but_largest_component_from_segmentation"
_FUNCTIONS = (_KEEP_LARGEST, "apply_postprocessing")
_CROSS_VALIDATION = re.compile(r"crossval_results_folds_([\w]+)/postprocessing\.(json|pkl)")
_MAX_BYTES = 16 * 1024**2
_HELP = "Remove the post-processing file from a copy of the model to import it without, or ask its author."


def postprocessing_steps(
    files: SourceFiles, folds: Sequence[str], values: Collection[int]
) -> tuple[PostprocessingStep, ...]:
    """What nnU-Net found to improve the model's results.

    Args:
        files: of the results folder.
        folds: that are imported; a post-processing that was determined for others does not count.
        values: label values of the model.

    Raises:
        ModelError: a file that holds anything else, or a function without an equal here.
    """
    name = _file(files, folds)
    if name is None:
        return ()
    functions, arguments = _from_json(files, name) if name.endswith(".json") else _from_pickle(files, name)
    if len(functions) != len(arguments):
        raise _broken(files, name, "as many functions as arguments are expected")
    pairs = zip(functions, arguments, strict=True)
    return tuple(_step(shown(files, name), function, given, values) for function, given in pairs)


def _file(files: SourceFiles, folds: Sequence[str]) -> str | None:
    """JSON is read where there are both."""
    wanted = "_".join(folds)
    there = {}
    for name in files.names():
        match = _CROSS_VALIDATION.fullmatch(name)
        if match and match.group(1) == wanted:
            there[match.group(2)] = name
        elif name in ("postprocessing.json", "postprocessing.pkl"):
            there.setdefault(name.rpartition(".")[2], name)
    return there.get("json") or there.get("pkl")


def _step(where: str, function: Any, arguments: Any, values: Collection[int]) -> PostprocessingStep:
    if str(function) != _KEEP_LARGEST:
        raise ModelError(f"The post-processing '{function}' in {where} is not one that UNetSegment has.", _HELP)
    if not isinstance(arguments, dict) or set(arguments) - {"labels_or_regions", "background_label"}:
        raise ModelError(f"The post-processing in {where} has arguments that are not understood: {arguments}.", _HELP)
    if arguments.get("background_label", 0) != 0:
        raise ModelError(
            f"The post-processing in {where} turns what it removes into label {arguments['background_label']}.",
            "Only removing to the background (0) is possible. " + _HELP,
        )
    chosen = tuple(dict.fromkeys(_flat(arguments.get("labels_or_regions"))))
    known = tuple(value for value in chosen if value in values)
    if not known or len(known) < len([value for value in chosen if value != 0]):
        raise ModelError(
            f"The post-processing in {where} is for the labels {list(chosen)}, the model has {sorted(values)}.",
            "Use the file that belongs to this model. " + _HELP,
        )
    return PostprocessingStep("keep-largest", known, together=True)


def _flat(labels: Any) -> list[int]:
    """A label, a region (several labels) or a list of either: all of it counts as one mask."""
    if isinstance(labels, list | tuple):
        return [value for entry in labels for value in _flat(entry)]
    if isinstance(labels, int) and not isinstance(labels, bool):
        return [int(labels)]
    return []


def _from_json(files: SourceFiles, name: str) -> tuple[list[Any], list[Any]]:
    fields = read_json(files, name)
    return list(fields.sequence("postprocessing_fns")), list(fields.sequence("postprocessing_kwargs"))


def _from_pickle(files: SourceFiles, name: str) -> tuple[list[Any], list[Any]]:
    try:
        content = _Inert(io.BytesIO(read_bytes(files, name, _MAX_BYTES))).load()
    except ModelError:
        raise
    except _Refused as error:
        raise ModelError(
            f"{shown(files, name)} asks for '{error}', which no post-processing of nnU-Net needs. It was not opened, "
            "since that could run hidden code.",
            _HELP,
        ) from None
    except Exception as error:  # a damaged pickle ends in nearly every kind of error
        raise _broken(files, name, str(error)) from error
    if not isinstance(content, tuple | list) or len(content) != 2 or not all(isinstance(c, list) for c in content):
        raise _broken(files, name, "two lists are expected")
    return content[0], content[1]


def _broken(files: SourceFiles, name: str, why: str) -> ModelError:
    return ModelError(f"{shown(files, name)} is damaged or no post-processing of nnU-Net.", _HELP, why)


class _Refused(Exception):
    """A global that is not on the list."""


class _Inert(pickle.Unpickler):
    """Finds nothing but markers of our own: no function or class of any other module is ever looked up or called."""

    def find_class(self, module: str, name: str) -> Any:
        if module == _MODULE and name in _FUNCTIONS:
            return _Function(name)
        if (module, name) == ("numpy", "dtype"):
            return _IntegerType
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "scalar":
            return _integer
        if (module, name) == ("_codecs", "encode"):
            return _encoded
        raise _Refused(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("a persistent object")


@dataclass(frozen=True)
class _Function:
    """Stands for a function of nnU-Net; it is only ever compared by its name."""

    name: str

    def __str__(self) -> str:
        return self.name


class _IntegerType:
    """Stands for numpy's type of a whole number, such as ``i8``; its state holds the byte order."""

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[iu][1248]", code):
            raise _Refused(f"numpy.dtype {code!r}")
        self.signed = code[0] == "i"
        self.bytes = int(code[1])
        self.order = "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = str(state[1])


def _integer(kind: _IntegerType, content: bytes) -> int:
    if not isinstance(kind, _IntegerType) or not isinstance(content, bytes) or len(content) != kind.bytes:
        raise _Refused("numpy scalar")
    return int.from_bytes(content, "big" if kind.order == ">" else "little", signed=kind.signed)


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise _Refused(f"the encoding {encoding!r}")
    return text.encode("latin1")
