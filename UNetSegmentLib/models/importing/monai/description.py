"""What a bundle's metadata say about the model, for the card: names, labels, licence, citation."""

from __future__ import annotations

import re
from typing import Any

from ....errors import ModelError
from ....labels import Label
from ...card import InputChannel
from ..archive import SourceFiles, read_bytes
from ..colours import colour
from ..terminology import terminology
from .refusal import refused

_MAX_TEXT = 4000
_LICENCES = (
    ("Apache License", "Apache-2.0"),
    ("MIT License", "MIT"),
    ("BSD 3-Clause", "BSD-3-Clause"),
    ("Attribution-NonCommercial", "CC-BY-NC-4.0"),
    ("CC BY-NC", "CC-BY-NC"),
    ("Attribution 4.0 International", "CC-BY-4.0"),
)
_BACKGROUND = ("background", "bg", "everything else", "other")
_MODALITIES = {"hounsfield": "CT", "mri": "MR", "magnetic resonance": "MR"}


def network_format(metadata: dict[str, Any], side: str) -> dict[str, Any]:
    """The description of the first input or output (``side``: ``inputs``, ``outputs``); empty where there is none."""
    formats = _mapping(_mapping(metadata.get("network_data_format")).get(side))
    preferred = formats.get("pred") if side == "outputs" else formats.get("image")
    first: Any = next(iter(formats.values()), {})
    return _mapping(preferred if isinstance(preferred, dict) else first)


def modality(metadata: dict[str, Any]) -> str:
    """``CT``, ``MR`` or what the bundle calls it."""
    data = network_format(metadata, "inputs")
    given = text(data.get("modality"))
    if given and given.lower() not in ("n/a", "none", "any"):
        return _MODALITIES.get(given.lower(), given)
    return _MODALITIES.get(text(data.get("format")).lower(), "any")


def inputs(metadata: dict[str, Any], channels: int) -> tuple[InputChannel, ...]:
    """One entry per input channel of the network."""
    data = network_format(metadata, "inputs")
    named = _mapping(data.get("channel_def"))
    kind = modality(metadata)
    result = []
    for n in range(channels):
        name = text(named.get(str(n)))
        generic = not name or name.lower() in ("image", "img", "input")
        result.append(InputChannel((kind if channels == 1 else f"image {n + 1}") if generic else name, kind))
    return tuple(result)


def labels(metadata: dict[str, Any], values: dict[int, int]) -> tuple[Label, ...]:
    """The label table.

    Args:
        values: label value of each output channel, without a background channel.
    """
    named = _mapping(network_format(metadata, "outputs").get("channel_def"))
    result: list[Label] = []
    for channel, value in sorted(values.items(), key=lambda pair: pair[1]):
        name = text(named.get(str(channel))).replace("_", " ") or f"label {value}"
        taken = {label.name for label in result}
        name = name if name not in taken else f"{name} ({value})"
        result.append(Label(value, name, colour(len(result)), terminology(name)))
    return tuple(result)


def has_background(metadata: dict[str, Any]) -> bool:
    """Whether the first output channel is called background."""
    named = _mapping(network_format(metadata, "outputs").get("channel_def"))
    return text(named.get("0")).lower() in _BACKGROUND


def check_channels(metadata: dict[str, Any], in_channels: int, out_channels: int) -> None:
    """Raises ModelError where metadata and network contradict each other."""
    for side, count in (("inputs", in_channels), ("outputs", out_channels)):
        given = network_format(metadata, side).get("num_channels")
        if isinstance(given, int) and not isinstance(given, bool) and given != count:
            raise refused(
                f"its metadata speak of {given} channels ({side}), its network has {count}",
                "Use metadata.json and the inference configuration of one and the same version.",
            )


def licence(files: SourceFiles, metadata: dict[str, Any]) -> str:
    """The licence file's kind and the copyright line."""
    parts = []
    for name in ("LICENSE", "LICENSE.txt", "LICENSE.md", "docs/LICENSE"):
        content = _head(files, name)
        if content:
            parts.append(next((short for words, short in _LICENCES if words in content), f"see {name} of the bundle"))
            break
    own = text(metadata.get("license") or metadata.get("licence"))
    parts += [own] if own else []
    held = text(metadata.get("copyright"))
    parts += [held] if held else []
    if any(name.lower().startswith("docs/data_license") for name in files.names()):
        parts.append("the training data have licences of their own (docs/data_license.txt of the bundle)")
    return "; ".join(parts)


def citation(metadata: dict[str, Any]) -> str:
    """The references of the bundle, one a line."""
    found = metadata.get("references")
    return "\n".join(text(item) for item in (found if isinstance(found, list) else [found]) if text(item))


def metrics(metadata: dict[str, Any]) -> str:
    """The published numbers, as words: on what they were measured is not said there."""
    found = metadata.get("eval_metrics")
    return ", ".join(_numbers(found, "")) if isinstance(found, dict) else ""


def text(value: Any) -> str:
    """A text of the metadata without control characters, cut where it is endless."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]+", " ", str(value)).strip()[:_MAX_TEXT]


def _numbers(values: dict[str, Any], prefix: str) -> list[str]:
    lines: list[str] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            lines += _numbers(value, f"{name} ")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            lines.append(f"{name.replace('_', ' ')} {value:g}")
    return lines[:40]


def _head(files: SourceFiles, name: str) -> str:
    if not files.has(name):
        return ""
    try:
        return read_bytes(files, name, 1024**2)[:4000].decode("utf-8", "replace")
    except ModelError:
        return ""


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
