"""Linear resampling through the image's whole affine matrix in double precision, slab by slab.

The separable operators are quicker and as exact. But a value that should come out as 0, interpolated onto a voxel of 0,
comes out of MONAI as some 1e-12 where rounding moved it off that voxel, and its ``NormalizeIntensity(nonzero=True)``
tells the two apart. A model that was trained so gets the same numbers from here: the same sampling (Jaderberg et al.
2015, arXiv:1506.02025) in torch's own arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from ..geometry import Geometry

_SLAB_VOXELS = 4_000_000  # of the result; a slab's coordinates take 32 bytes each


def sample_affine(tensor: torch.Tensor, shape: Sequence[int], places: np.ndarray) -> torch.Tensor:
    """The image at other places, linear between voxels, its edge voxels beyond the border.

    Args:
        tensor: (channels, z, y, x), any real type; not on a device without float64 (MPS).
        shape: (z, y, x) of the result.
        places: 4 x 4 matrix from voxels (x, y, z) of the result to those of the image.

    Returns:
        float32 (channels, *shape) on the same device.
    """
    theta = _normalized(places, tensor.shape[:0:-1], tuple(reversed(shape)))
    # Torch names axes from the last one, and MONAI's arrays run x, y, z; so does the sum over neighbours.
    turned = theta[[2, 1, 0]][:, [2, 1, 0, 3]]
    matrix = torch.from_numpy(turned).to(tensor.device)
    z, y, x = (_normal_places(n, tensor.device) for n in shape)
    source = tensor.permute(0, 3, 2, 1).double().contiguous()[None]
    result = torch.empty((tensor.shape[0], *shape), dtype=torch.float32, device=tensor.device)
    width = max(_SLAB_VOXELS // (len(y) * len(z)), 1)
    for first in range(0, len(x), width):
        slab = x[first : first + width]
        base = torch.ones((len(slab), len(y), len(z), 4), dtype=torch.float64, device=tensor.device)
        base[..., 0], base[..., 1], base[..., 2] = z, y[:, None], slab[:, None, None]
        grid = (base.view(-1, 4) @ matrix.T).view(1, *base.shape[:3], 3)
        values = functional.grid_sample(source, grid, "bilinear", "border", align_corners=False)
        result[..., first : first + width] = values[0].permute(0, 3, 2, 1)
    return result


def spacing_matrix(image: Geometry, shape: Sequence[int], spacing: Sequence[float], aligned: bool) -> np.ndarray:
    """Where MONAI's ``Spacing`` takes the voxels of its result from, as a matrix for :func:`sample_affine`.

    Args:
        image: the grid that is resampled.
        shape, spacing: (z, y, x) of the result.
        aligned: whether the first voxels of both grids coincide; their middles do otherwise.
    """
    own = image.ras_matrix
    shear = np.linalg.cholesky(own[:3, :3].T @ own[:3, :3]).T
    new = np.eye(4)
    new[:3, :3] = own[:3, :3] @ np.linalg.inv(shear) @ np.diag(spacing[::-1])
    middle = own[:3, :3] @ (np.array(image.size) / 2) + own[:3, 3] - new[:3, :3] @ (np.array(shape[::-1]) / 2)
    new[:3, 3] = own[:3, 3] if aligned else middle
    return np.linalg.solve(own, new)


def _normalized(places: np.ndarray, source: Sequence[int], target: Sequence[int]) -> np.ndarray:
    """The matrix between coordinates that run from -1 to 1 over the outer edges of both grids."""
    return _to_normal(source) @ places @ np.linalg.inv(_to_normal(target))


def _to_normal(size: Sequence[int]) -> np.ndarray:
    count = np.array(size, dtype=float)
    matrix = np.diag([*(2.0 / count), 1.0])
    matrix[:3, 3] = 1.0 / count - 1.0
    return matrix


def _normal_places(count: int, device: torch.device) -> torch.Tensor:
    """Centres of ``count`` voxels between -1 and 1."""
    if count == 1:
        return torch.zeros(1, dtype=torch.float64, device=device)
    return torch.linspace(-1, 1, count, dtype=torch.float64, device=device) * (count - 1) / count
