"""The ways to run a package on a CPU, by name."""

from dataclasses import replace

from UNetSegmentLib.inference import preset

# The engine's settings on top of "balanced"; every way runs the same tiles.
RUNTIMES = {
    "torch f32": {"backend": "torch"},
    "torch bf16": {"backend": "torch", "precision": "bf16"},
    "torch compile": {"backend": "torch"},
    "OpenVINO f32": {"backend": "openvino"},
    "OpenVINO bf16": {"backend": "openvino", "precision": "bf16"},
    "OpenVINO INT8": {"backend": "openvino", "form": "int8"},
    "ONNX Runtime f32": {"backend": "onnx"},
}
COMPILED = "torch compile"
INT8 = "OpenVINO INT8"
SOURCE = "torch f32"


def settings_of(runtime, exact=False):
    """The engine's settings of a way."""
    base = preset("exact") if exact else replace(preset("balanced"), skip_background=False)
    return base.with_overrides(RUNTIMES[runtime])


def ways_of(model, names):
    """Those of ``names`` that a package has."""
    forms = {form.kind for form in model.card.forms}
    return [name for name in names if name != INT8 or "int8-openvino" in forms]


def segmenter_of(model, runtime):
    """A segmenter that runs a model in one way."""
    import torch

    from UNetSegmentLib.inference import Segmenter
    from UNetSegmentLib.models import Model

    if runtime == COMPILED:
        networks = [torch.compile(model.network(fold)) for fold in range(model.folds)]
        model = Model.in_memory(model.card, networks)
    return Segmenter(model, device="cpu", settings=settings_of(runtime))
