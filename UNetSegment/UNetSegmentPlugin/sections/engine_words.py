"""What computes a run, in words: which version of the model, in which program, on which device, and why."""

from collections.abc import Mapping, Sequence
from typing import Any

from slicer.i18n import tr as _

from UNetSegmentLib.models.card import ModelCard
from UNetSegmentLib.networks.config import OpaqueNetwork

from ..models import forms

BACKENDS = {"torch": "PyTorch", "openvino": "OpenVINO", "onnx": "ONNX Runtime", "tensorrt": "TensorRT"}


def next_text(card: ModelCard, parameters, devices: Sequence, openvino: bool) -> str:
    """What the next run takes, with the reason.

    Args:
        parameters: what the user chose.
        devices: that the worker has told, best first; empty while it has not.
        openvino: whether OpenVINO is installed.
    """
    wanted = forms.runs_quick(card, parameters.form, parameters.preset)
    device = _device(parameters.device, devices)
    if wanted and not openvino:
        return _("the full model in PyTorch: OpenVINO, which runs quick versions, is not installed (see Setup).")
    if wanted and device != "cpu":
        return _("the full model in PyTorch: the quick version is for processors, and a graphics card is chosen.")
    if wanted and parameters.backend not in ("auto", "openvino"):
        program = BACKENDS.get(parameters.backend, parameters.backend)
        return _("the full model in {program}, which is chosen here: the quick version runs in OpenVINO.").format(
            program=program
        )
    if wanted:
        chosen = parameters.form == forms.QUICK
        reason = _("chosen here") if chosen else _("the preset Fast asks for it")
        return _("the quick version (INT8) in OpenVINO: {reason}.").format(reason=reason)
    missing = parameters.form == forms.QUICK
    text = _program(card, parameters.backend, device, openvino)
    return _("{text} This model has no quick version.").format(text=text) if missing else text


def last_text(settings: Mapping[str, Any]) -> str:
    """What has computed a result, by the settings that were noted with it; empty where nothing is known."""
    backend = str(settings.get("backend", ""))
    if not backend:
        return ""
    small = "int8" in backend or settings.get("form") == "int8"
    program = next((title for name, title in BACKENDS.items() if backend.startswith(name)), backend)
    version = _("the quick version (INT8)") if small else _("the full model")
    text = _("{version} in {program}").format(version=version, program=program)
    device = settings.get("device")
    reason = settings.get("backend_reason")
    place = _("on {host}").format(host=settings["where"]) if settings.get("where") else ""
    where = ", ".join(str(part) for part in (device, place) if part)
    return text + (f", {where}" if where else "") + (f": {reason}" if reason else "") + "."


def _device(chosen: str, devices: Sequence) -> str:
    """``cpu``, or the name of something quicker."""
    name = chosen if chosen != "auto" else (devices[0].name if devices else "cpu")
    return "cpu" if name == "cpu" else name


def _program(card: ModelCard, backend: str, device: str, openvino: bool) -> str:
    if backend != "auto":
        return _("the full model in {program}: chosen here.").format(program=BACKENDS.get(backend, backend))
    if device != "cpu":
        return _("the full model in PyTorch, which is the quickest on graphics cards.")
    if isinstance(card.network, OpaqueNetwork):
        return _("the model in the program that it was made for.")
    if not openvino:
        return _("the full model in PyTorch. OpenVINO may be quicker on processors; Setup can install it.")
    return _("the full model in PyTorch or OpenVINO: the first runs find out which is quicker here.")
