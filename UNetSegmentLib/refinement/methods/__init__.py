"""What finds the voxels that a prompt speaks of; see :mod:`..method` for the seam."""

from .local import LocalMethod

__all__ = ["LocalMethod"]
