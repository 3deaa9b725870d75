"""``read_dataset``: pydicom's ``dcmread`` for files that may come from anybody."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..plain_files import open_plain
from .pixel_data import check_deflated


def read_dataset(path: Path, **how: Any) -> Any:
    """A file's data set; a deflated one is unpacked only where memory holds it.

    Args:
        how: options of ``pydicom.dcmread``.

    Raises:
        InputError: no ordinary file, or one that cannot be unpacked.
        ResourceError: it would unpack to more than memory holds.
        Exception: what ``dcmread`` raises.
    """
    from pydicom import dcmread

    with open_plain(path) as file:
        check_deflated(file, path.name)
        try:
            return dcmread(file, **how)
        except zlib.error as error:
            raise InputError(
                f"'{path.name}' is damaged: what it holds in compressed form cannot be unpacked.",
                "Copy or export it again.",
                str(error),
            ) from error
