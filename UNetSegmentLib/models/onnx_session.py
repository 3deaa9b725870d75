"""An ONNX file in whichever runtime is installed, on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np

from ..errors import DependencyError, ModelError


class OnnxSession:
    """A network of one input, run by ONNX Runtime, or by OpenVINO where only that is installed.

    Args:
        content: the file.
        threads: how many to use.

    Raises:
        DependencyError: neither is installed.
        ModelError: the file is damaged, or uses what the runtime does not know.
    """

    def __init__(self, content: bytes, threads: int) -> None:
        try:
            if find_spec("onnxruntime") is not None:
                self._run, self._single = _onnxruntime(content, threads)
            elif find_spec("openvino") is not None:
                self._run, self._single = _openvino(content, threads)
            else:
                raise DependencyError(
                    "An ONNX model needs the package onnxruntime or openvino; neither is installed.",
                    "Install one of them, e.g.: pip install openvino",
                )
        except DependencyError:
            raise
        except Exception as error:  # each runtime has errors of its own kinds
            raise ModelError(
                "The ONNX file cannot be opened.",
                "Get the model again from its source, or update the runtime.",
                _last_line(error),
            ) from error

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The first output for an input (N, C, *patch), float32.

        Raises:
            ModelError: the network does not take this input.
        """
        try:
            image = np.ascontiguousarray(image, np.float32)
            if self._single and len(image) > 1:
                return np.concatenate([np.asarray(self._run(one[None])) for one in image])
            return np.asarray(self._run(image))
        except Exception as error:  # each runtime has errors of its own kinds
            shape = " x ".join(map(str, image.shape))
            raise ModelError(
                f"The ONNX network failed on an input of {shape}.",
                "Use the tile size (patch) that the model was made for, and check its contract.",
                _last_line(error),
            ) from error


Run = Callable[[np.ndarray], np.ndarray]


def _onnxruntime(content: bytes, threads: int) -> tuple[Run, bool]:
    """What runs the network, and whether the file takes one image at a time only."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Idle threads that spin take the processor from torch, whose turn it is between tiles.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (source,) = session.get_inputs()
    return lambda image: session.run(None, {source.name: image})[0], source.shape[0] == 1


def _openvino(content: bytes, threads: int) -> tuple[Run, bool]:
    import openvino

    core = openvino.Core()
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    model = core.read_model(content, b"")
    batch = model.inputs[0].get_partial_shape()[0]
    request = core.compile_model(model, "CPU", options).create_infer_request()

    def run(image: np.ndarray) -> np.ndarray:
        request.infer([image])
        return np.array(request.get_output_tensor(0).data)

    return run, batch.is_static and batch.get_length() == 1


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
