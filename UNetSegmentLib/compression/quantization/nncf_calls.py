"""NNCF, called so that it neither writes to the console nor sends anything anywhere."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...errors import Cancelled, ModelError
from ...inference.backends.installed import version_of
from ...progress import CancelToken, ProgressCallback, Stage
from .ir import quiet

PRESETS = ("performance", "mixed")
"""Ranges of activations around zero, or also beside it where that suits them better."""


def post_training(
    model: Any,
    tiles: Sequence[np.ndarray],
    preset: str,
    ignored: Sequence[str] = (),
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Any:
    """Post-training quantisation of an ``openvino.Model``: ranges of activations from ``tiles``, weights by channel,
    fast bias correction (NNCF; Jacob et al., arXiv:1712.05877, for the arithmetic).

    Args:
        model: left as it is.
        tiles: (1, C, *patch) float32.
        preset: out of :data:`PRESETS`.
        ignored: names of the layers that stay in float.

    Raises:
        ModelError: NNCF cannot quantise the network.
        Cancelled: the token was set.
    """
    nncf = _nncf()
    counted = _counting(len(tiles), Stage("calibrate", len(tiles), progress, cancel))
    kinds = {"performance": nncf.QuantizationPreset.PERFORMANCE, "mixed": nncf.QuantizationPreset.MIXED}
    try:
        with _silent():
            return nncf.quantize(
                model,
                nncf.Dataset(list(tiles), counted),
                preset=kinds[preset],
                subset_size=len(tiles),
                fast_bias_correction=True,
                ignored_scope=nncf.IgnoredScope(names=list(ignored), validate=False) if ignored else None,
            )
    except Cancelled:
        raise
    except Exception as error:  # NNCF has errors of its own kinds
        raise ModelError(
            "NNCF cannot make this network INT8.",
            "Use the full weights, or another network.",
            f"{type(error).__name__}: {error}"[:500],
        ) from error


def _counting(count: int, stage: Stage) -> Callable[[np.ndarray], np.ndarray]:
    """Hands tiles through and counts them on the stage; NNCF goes through them more than once."""
    seen = 0

    def counted(tile: np.ndarray) -> np.ndarray:
        nonlocal seen
        stage.check()
        if seen < count:
            stage.step()
        seen += 1
        return tile

    return counted


def made_with() -> str:
    """The programs and their versions, for a card."""
    return f"nncf {version_of('nncf')}, openvino {version_of('openvino')}"


def _nncf() -> Any:
    without_telemetry()
    with _silent():
        import nncf
    return nncf


def without_telemetry() -> None:
    """Sees to it that NNCF and OpenVINO's converter send no usage data unless the user has agreed to that.

    NNCF by itself sends unless the user has objected. The sender is one object for the whole process, and the first one
    to make it decides: made here so that it needs the user's consent.
    """
    try:
        from openvino_telemetry import Telemetry
    except ImportError:
        return
    with contextlib.suppress(Exception), _silent():  # nothing that it may raise concerns the user
        Telemetry("UNetSegment", "", "none", backend="ga4", enable_opt_in_dialog=True, disable_in_ci=True)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    disabled = logging.root.manager.disable
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), quiet():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(disabled)
