"""What was measured on."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch
from rows import Row

PACKAGES = ("torch", "tensorrt", "onnx", "onnxruntime", "onnxscript", "openvino", "monai", "nnunetv2", "triton")


def rows(scale):
    values = {"system": platform.platform(), "Python": platform.python_version(), "cores": os.cpu_count() or 0}
    yield Row("machine", "computer", values)
    yield Row("machine", "packages", {name: _version(name) for name in PACKAGES})
    if not scale.gpu:
        yield Row("machine", "GPU", note="none: this is a rehearsal on the CPU")
        return
    from UNetSegmentLib.inference.backends.engine_facts import device_here, driver_here

    free, total = torch.cuda.mem_get_info(scale.device)
    values = {"device": device_here(), "driver knows CUDA": driver_here(), "torch has CUDA": torch.version.cuda}
    values |= {"cuDNN": torch.backends.cudnn.version(), "memory GB": total / 1e9, "free GB": free / 1e9}
    yield Row("machine", "GPU", values, ok=True)


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
