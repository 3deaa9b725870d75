"""MONAI's names of norms and activations."""

from __future__ import annotations

from typing import Any

from ....networks.monai.configs import Activation, Norm
from .refusal import refused
from .values import flag, number, whole

_ACTIVATIONS = {
    "prelu": "prelu",
    "relu": "relu",
    "leakyrelu": "leaky_relu",
    "elu": "elu",
    "gelu": "gelu",
    "swish": "silu",
    "memswish": "silu",
    "mish": "mish",
}
_NORMS = {"instance": "instance", "instance_nvfuser": "instance", "batch": "batch", "syncbatch": "batch"}


def read_activation(value: Any) -> Activation:
    """The activation of a layer specification: a name, or a name and its arguments."""
    name, arguments = _split(value)
    if not name:
        return Activation("none")
    if name not in _ACTIVATIONS:
        raise refused(f"the activation '{name}' is not supported")
    known = {"prelu": {"num_parameters", "init"}, "leakyrelu": {"negative_slope"}, "elu": {"alpha"}}.get(name, set())
    unknown = set(arguments) - known - {"inplace"}
    if unknown or arguments.get("num_parameters", 1) != 1:
        raise refused(f"its activation '{name}' has arguments that are not supported")
    slope = arguments.get("negative_slope", 0.01) if name == "leakyrelu" else arguments.get("alpha", 1.0)
    return Activation(_ACTIVATIONS[name], number(slope, "the slope of an activation"))


def read_norm(value: Any) -> Norm:
    """The norm of a layer specification."""
    name, arguments = _split(value)
    if not name:
        return Norm("none")
    known = {"affine", "eps", "momentum", "num_groups", "num_channels", "num_features", "track_running_stats"}
    if name not in (*_NORMS, "group") or set(arguments) - known:
        raise refused(f"the norm '{name}' (or an argument of it) is not supported")
    tracks = arguments.get("track_running_stats")
    if tracks is not None and bool(tracks) != (name in ("batch", "syncbatch")):
        raise refused(f"its norm '{name}' has track_running_stats")
    affine = flag(arguments.get("affine", name not in ("instance",)), "affine")
    eps = number(arguments.get("eps", 1e-5), "eps")
    if name == "group":
        return Norm("group", affine, whole(arguments.get("num_groups"), "num_groups"), eps)
    return Norm(_NORMS[name], affine, 1, eps)


def read_order(value: Any, norm: Norm, activation: Activation) -> str:
    """The order of norm and activation behind a convolution, out of MONAI's ``NDA``; dropout (D) does nothing."""
    order = str(value).upper().replace("D", "")
    if sorted(order) not in (["A", "N"], ["A"], ["N"], []):
        raise refused(f"its network has the adn_ordering '{value}'")
    absent = ("N" if norm.kind == "none" else "") + ("A" if activation.kind == "none" else "")
    return "".join(letter for letter in order if letter not in absent)


def _split(value: Any) -> tuple[str, dict[str, Any]]:
    if value is None or value == "":
        return "", {}
    if isinstance(value, str):
        return value.lower(), {}
    pair = isinstance(value, list | tuple) and len(value) == 2
    if pair and isinstance(value[0], str) and isinstance(value[1], dict):
        return value[0].lower(), value[1]
    raise refused(f"its network has a layer '{str(value)[:60]}'")
