"""A network as a TorchScript file, the contract among its extra files."""

from __future__ import annotations

import io
import warnings

import torch

from ...errors import ModelError
from ...models.importing.describing import contract_text
from ...models.importing.torchscript import EMBEDDED
from .source import Source


def to_torchscript(source: Source) -> bytes:
    """What the network does with one tile, recorded: arithmetic alone, none of our classes.

    Raises:
        ModelError: it cannot be recorded.
    """
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of the tracer, about sizes that become constants; the result is checked
            script = torch.jit.trace(source.network, torch.zeros(source.shape), check_trace=False)
            script = torch.jit.freeze(script.eval())
            content = io.BytesIO()
            torch.jit.save(script, content, _extra_files={EMBEDDED: contract_text(source.contract)})
    except (RuntimeError, ValueError, TypeError) as error:
        raise ModelError(
            "This network cannot be written as TorchScript.", "Export to ONNX instead.", str(error)[:500]
        ) from error
    return content.getvalue()
