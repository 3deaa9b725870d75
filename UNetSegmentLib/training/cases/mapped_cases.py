"""Prepared cases that do not fit into memory lie in files of the run's folder and are mapped where they are used."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import torch
from torch import Tensor

from ...budget import available_memory
from ...errors import OutputError
from .case import Case

_SHARE = 0.5


class MappedCases:
    """Keeps cases in memory up to a limit, and the further ones in files.

    Args:
        folder: for the files; made when the first one is written.
        limit: bytes in memory; half of what is free when None.
    """

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self.folder = folder
        self.limit = int(available_memory() * _SHARE) if limit is None else limit
        self.used = 0
        self.files = 0

    def keep(self, case: Case) -> Case:
        """The case, in memory or mapped.

        Raises:
            OutputError: the file cannot be written.
        """
        size = sum(t.numel() * t.element_size() for t in (case.image, case.label, *case.foreground))
        if self.used + size <= self.limit:
            self.used += size
            return case
        return dataclasses.replace(case, image=self._mapped(case.image), label=self._mapped(case.label))

    def remove(self) -> None:
        """Deletes the files; what is still mapped stays readable, or stays where the system does not allow that."""
        if self.files:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _mapped(self, tensor: Tensor) -> Tensor:
        path = self.folder / f"{self.files}.raw"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            tensor.numpy().tofile(path)
        except OSError as error:
            raise OutputError(
                f"The prepared images do not fit into memory, and {self.folder} cannot hold them.",
                "Free disk space, or choose another output folder.",
                str(error),
            ) from error
        self.files += 1
        flat = torch.from_file(str(path), shared=False, size=tensor.numel(), dtype=tensor.dtype)
        return flat.reshape(tensor.shape)
