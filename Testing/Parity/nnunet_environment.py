"""Where nnU-Net may write, and peace and quiet while it works; it is told such things by environment variables."""

from __future__ import annotations

import contextlib
import io
import logging
import multiprocessing
import multiprocessing.dummy
import multiprocessing.pool  # must know the true get_context, so before that is replaced below
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

FOLDERS = ("raw", "preprocessed", "results")


@contextlib.contextmanager
def nnunet(root: Path) -> Iterator[Path]:
    """nnU-Net with its three folders under ``root``, in this process and thread alone, without its prints."""
    settings = {f"nnUNet_{name}": str(root / name) for name in FOLDERS}
    for folder in settings.values():
        Path(folder).mkdir(parents=True, exist_ok=True)
    # Its process pools become pools of threads: quick to start, and nothing is left behind.
    with (
        mock.patch.dict(os.environ, {**settings, "nnUNet_n_proc_DA": "1", "nnUNet_compile": "f"}),
        mock.patch.object(multiprocessing, "get_context", return_value=multiprocessing.dummy),
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
        _quiet_logging(),
    ):
        warnings.simplefilter("ignore")
        yield root


@contextlib.contextmanager
def _quiet_logging() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
