"""Where voxels lie in the patient: an immutable grid, apart from the voxels themselves.

Coordinates are millimetres in LPS (x to the patient's left, y to posterior, z to superior), as in SimpleITK and DICOM;
RAS appears only at the Slicer door (:attr:`Geometry.ras_matrix`). Index order is ``(i, j, k)`` = ``(x, y, z)`` for
everything that belongs to :class:`Geometry`; arrays and :class:`Box` are in array order ``(z, y, x)`` = ``(k, j, i)``.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .errors import GeometryError

Triple = tuple[float, float, float]
Shape = tuple[int, int, int]

IDENTITY_DIRECTION = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
FARTHEST = 1e7
"""mm from the origin beyond which a coordinate that a person gave is taken for a mistake: ten kilometres."""
_ORTHONORMAL_TOLERANCE = 1e-3
_POSITIVE_CODES = "LPS"
_NEGATIVE_CODES = "RAI"


def in_xyz(numbers: Sequence[float | None], missing: str = "own") -> str:
    """Sizes or spacings of an array (z, y, x) as people are told them: ``"512 x 512 x 40"`` along x, y and z.

    Args:
        missing: what stands for None.
    """
    return " x ".join(missing if n is None else f"{n:.4g}" if n % 1 else f"{n:.0f}" for n in reversed(numbers))


@dataclass(frozen=True)
class Box:
    """A half-open box of voxels in array order ``(z, y, x)``: ``start <= index < stop``."""

    start: Shape
    stop: Shape

    @classmethod
    def whole(cls, shape: Sequence[int]) -> Box:
        return cls((0, 0, 0), _shape(shape))

    @property
    def shape(self) -> Shape:
        return _shape([max(b - a, 0) for a, b in zip(self.start, self.stop, strict=True)])

    @property
    def empty(self) -> bool:
        return 0 in self.shape

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Use as ``array[..., *box.slices]``."""
        z, y, x = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    def intersect(self, other: Box) -> Box:
        return Box(
            _shape(np.maximum(self.start, other.start)),
            _shape(np.minimum(self.stop, other.stop)),
        )

    def padded(self, margin: Sequence[int]) -> Box:
        """Grown by ``margin`` voxels (z, y, x) on both sides; may leave the image, see :meth:`intersect`."""
        return Box(_shape(np.subtract(self.start, margin)), _shape(np.add(self.stop, margin)))

    def shifted(self, offset: Sequence[int]) -> Box:
        return Box(_shape(np.add(self.start, offset)), _shape(np.add(self.stop, offset)))

    def relative_to(self, other: Box) -> Box:
        """The same voxels, counted from the first one of ``other``: what slices an array of that box."""
        return self.shifted([-n for n in other.start])

    def joined(self, other: Box) -> Box:
        """The smallest box around both."""
        return Box(_shape(np.minimum(self.start, other.start)), _shape(np.maximum(self.stop, other.stop)))


@dataclass(frozen=True)
class AxisMap:
    """A permutation of the three array axes followed by flips: what takes one orientation to another.

    ``axes[n]`` is the old array axis that becomes new axis ``n``; ``flips[n]`` says whether new axis ``n`` runs
    backwards. Leading axes (channels) are left alone. Both directions return views, never copies.
    """

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    @property
    def identity(self) -> bool:
        return self.axes == (0, 1, 2) and not any(self.flips)

    def apply(self, array: np.ndarray) -> np.ndarray:
        lead = array.ndim - 3
        turned = array.transpose(*range(lead), *(lead + a for a in self.axes))
        z, y, x = self._steps()
        return turned[..., z, y, x]

    def invert(self, array: np.ndarray) -> np.ndarray:
        lead = array.ndim - 3
        z, y, x = self._steps()
        unflipped = array[..., z, y, x]
        return unflipped.transpose(*range(lead), *(lead + int(a) for a in np.argsort(self.axes)))

    def then(self, axes: Sequence[int]) -> AxisMap:
        """This map followed by ``array.transpose(axes)``."""
        z, y, x = axes
        mine, flips = self.axes, self.flips
        return AxisMap((mine[z], mine[y], mine[x]), (flips[z], flips[y], flips[x]))

    @property
    def inverse(self) -> AxisMap:
        """The map that undoes this one."""
        z, y, x = (self.axes.index(n) for n in range(3))
        return AxisMap((z, y, x), (self.flips[z], self.flips[y], self.flips[x]))

    def apply_box(self, box: Box, shape: Sequence[int]) -> Box:
        """``box`` in an array of ``shape`` (both in the old orientation), expressed in the new one."""
        start, stop = [], []
        for axis, flip in zip(self.axes, self.flips, strict=True):
            low, high = box.start[axis], box.stop[axis]
            start.append(shape[axis] - high if flip else low)
            stop.append(shape[axis] - low if flip else high)
        return Box(_shape(start), _shape(stop))

    def _steps(self) -> tuple[slice, slice, slice]:
        z, y, x = (slice(None, None, -1 if flip else None) for flip in self.flips)
        return z, y, x


@dataclass(frozen=True)
class Geometry:
    """Size, spacing, origin and direction of a voxel grid.

    Args:
        size: voxels along i, j, k (x, y, z); a 2D image has size ``(x, y, 1)``.
        spacing: mm between voxel centres along i, j, k; positive.
        origin: LPS mm of the centre of voxel (0, 0, 0).
        direction: nine numbers, row-major; column n is the LPS unit vector of index axis n. Orthonormal to 1e-3;
            left-handed grids are allowed.

    Raises:
        GeometryError: a size below 1, a spacing that is not positive and finite, a direction that is not orthonormal.
    """

    size: Shape
    spacing: Triple = (1.0, 1.0, 1.0)
    origin: Triple = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = field(default=IDENTITY_DIRECTION)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _shape(self.size))
        for name in ("spacing", "origin", "direction"):
            object.__setattr__(self, name, tuple(float(v) for v in getattr(self, name)))
        _check_grid(self)

    # -- derived values ------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        """Array shape (z, y, x)."""
        return _shape(self.size[::-1])

    @property
    def array_spacing(self) -> Triple:
        """Spacing in mm along the array axes (z, y, x)."""
        x, y, z = self.spacing
        return z, y, x

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel in mm^3."""
        return float(np.prod(self.spacing))

    @property
    def matrix(self) -> np.ndarray:
        """4x4, index (i, j, k, 1) to LPS mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = self._axes() * np.asarray(self.spacing)
        matrix[:3, 3] = self.origin
        return matrix

    @property
    def ras_matrix(self) -> np.ndarray:
        """4x4, index (i, j, k, 1) to RAS mm: what Slicer calls IJKToRAS."""
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ self.matrix

    @property
    def axis_codes(self) -> str:
        """For each of i, j, k the letter of the patient side that it runs towards, e.g. ``"LPS"``.

        An oblique grid gets the codes of the nearest orthogonal one, each letter pair used once.
        """
        codes = [""] * 3
        for column, (row, sign) in enumerate(self._nearest_axes()):
            codes[column] = (_POSITIVE_CODES if sign > 0 else _NEGATIVE_CODES)[row]
        return "".join(codes)

    # -- points --------------------------------------------------------------------------------------------------

    def to_physical(self, indices: np.ndarray) -> np.ndarray:
        """LPS mm, shape (..., 3), of continuous indices (i, j, k), shape (..., 3)."""
        m = self.matrix
        return np.asarray(indices, dtype=float) @ m[:3, :3].T + m[:3, 3]

    def to_index(self, points: np.ndarray) -> np.ndarray:
        """Continuous indices (i, j, k), shape (..., 3), of LPS mm points, shape (..., 3)."""
        m = np.linalg.inv(self.matrix)
        return np.asarray(points, dtype=float) @ m[:3, :3].T + m[:3, 3]

    def corners(self) -> np.ndarray:
        """LPS mm, shape (8, 3), of the outer corners of the grid (voxel edges, not centres)."""
        ends = [(-0.5, n - 0.5) for n in self.size]
        return self.to_physical(np.array(list(itertools.product(*ends))))

    def box_of(self, lower: Sequence[float], upper: Sequence[float]) -> Box:
        """The voxels that an axis-aligned LPS box touches, clipped to the grid (empty when it lies outside).

        Args:
            lower, upper: opposite corners of the box in LPS mm.
        """
        points = np.array(list(itertools.product(*zip(lower, upper, strict=True))), dtype=float)
        return self.box_around(points)

    def box_around(self, points: np.ndarray) -> Box:
        """The smallest box of voxels around points, clipped to the grid (empty when they lie outside).

        Args:
            points: LPS mm, shape (n, 3); may lie as far away as numbers go.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            # Far outside is outside: beyond what an index can say, and beyond what a float can.
            indices = np.nan_to_num(self.to_index(points)[:, ::-1], nan=np.inf)
        indices = np.clip(indices, -2, np.array(self.shape) + 2)
        # A voxel spans index -0.5 to +0.5; a face that only touches a voxel's edge does not take that voxel in.
        start = np.floor(indices.min(axis=0) + 0.5 + 1e-6).astype(int)
        stop = np.ceil(indices.max(axis=0) + 0.5 - 1e-6).astype(int)
        return Box(_shape(start), _shape(stop)).intersect(Box.whole(self.shape))

    # -- new geometries ------------------------------------------------------------------------------------------

    def cropped(self, box: Box) -> Geometry:
        """The grid of ``array[box.slices]``. The box may reach beyond the grid (padding)."""
        if box.empty:
            raise GeometryError(f"The box {box.start} to {box.stop} holds no voxels.")
        return replace(self, size=box.shape[::-1], origin=tuple(self.to_physical(np.array(box.start[::-1]))))

    def resized(self, shape: Sequence[int]) -> Geometry:
        """The same field of view (voxel edge to voxel edge) cut into ``shape`` (z, y, x) voxels.

        This is the grid that scikit-image's ``resize`` and nnU-Net produce: edges stay, centres move.
        """
        size = np.asarray(shape[::-1], dtype=float)
        ratio = np.asarray(self.size) / size
        origin = self.to_physical((ratio - 1.0) / 2.0)
        return replace(self, size=_shape(shape[::-1]), spacing=tuple(self.spacing * ratio), origin=tuple(origin))

    def shape_at(self, spacing: Sequence[float]) -> Shape:
        """Array shape (z, y, x) that the field of view takes at ``spacing`` (mm, array order), at least 1 each.

        Raises:
            GeometryError: there are more voxels than a number can count.
        """
        with np.errstate(over="ignore", divide="ignore"):
            voxels = np.asarray(self.shape) * (np.asarray(self.array_spacing) / np.asarray(spacing, dtype=float))
        if not np.all(np.isfinite(voxels)):
            raise GeometryError(
                f"A voxel spacing of {_numbers(self.spacing)} mm and one of {_numbers(spacing[::-1])} mm are too far "
                "apart.",
                "Correct the spacing in the image's header, for example with Slicer's Volumes module.",
            )
        return _shape(np.maximum(np.round(voxels), 1))

    def reoriented(self, codes: str) -> tuple[Geometry, AxisMap]:
        """The same voxels with axes permuted and flipped so that :attr:`axis_codes` equals ``codes``.

        Returns the new geometry and the map that takes arrays there and back.
        """
        rows = [_code_row(code) for code in codes.upper()]
        if sorted(row for row, _ in rows) != [0, 1, 2]:
            raise GeometryError(
                f"'{codes}' is no orientation.", "Use one letter of each pair L/R, P/A, S/I, for example LPS."
            )
        own = {row: (column, sign) for column, (row, sign) in enumerate(self._nearest_axes())}
        columns = [own[row][0] for row, _ in rows]
        flips = [own[row][1] != sign for row, sign in rows]
        corner = [0] * 3
        for column, flip in zip(columns, flips, strict=True):
            corner[column] = self.size[column] - 1 if flip else 0
        axes = self._axes()[:, columns] * np.where(flips, -1.0, 1.0)
        geometry = Geometry(
            size=_shape([self.size[c] for c in columns]),
            spacing=_triple([self.spacing[c] for c in columns]),
            origin=_triple(self.to_physical(np.array(corner))),
            direction=tuple(axes.ravel()),
        )
        # Array axes count from the other end: index axis n is array axis 2 - n.
        array_axes = _shape([2 - c for c in columns[::-1]])
        return geometry, AxisMap(array_axes, (flips[2], flips[1], flips[0]))

    def transposed(self, axes: Sequence[int]) -> Geometry:
        """The grid of ``array.transpose(axes)``: the array axes (z, y, x) taken in another order."""
        columns = [2 - axes[2 - n] for n in range(3)]
        return Geometry(
            size=_shape([self.size[c] for c in columns]),
            spacing=_triple([self.spacing[c] for c in columns]),
            origin=self.origin,
            direction=tuple(self._axes()[:, columns].ravel()),
        )

    # -- comparison ----------------------------------------------------------------------------------------------

    def difference(self, other: Geometry, tolerance: float = 1e-3) -> str:
        """Says in words how two grids differ, or returns "" when their corners agree.

        Args:
            tolerance: allowed distance between corresponding corners, as a share of the smallest spacing.
        """
        if self.size != other.size:
            return f"size {self.size} against {other.size} voxels"
        reach = tolerance * min(*self.spacing, *other.spacing)
        # Header rounding grows with the distance from the first voxel, so a large grid is allowed a little more.
        reach *= max(1.0, max(self.size) / 100.0)
        if np.abs(self.corners() - other.corners()).max() <= reach:
            return ""
        for name in ("spacing", "direction", "origin"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if not np.allclose(mine, theirs, rtol=tolerance, atol=tolerance):
                return f"{name} {_numbers(mine)} against {_numbers(theirs)}"
        return "a small shift between the grids"

    def is_close(self, other: Geometry, tolerance: float = 1e-3) -> bool:
        return not self.difference(other, tolerance)

    # -- internals -----------------------------------------------------------------------------------------------

    def _axes(self) -> np.ndarray:
        return np.asarray(self.direction).reshape(3, 3)

    def _nearest_axes(self) -> list[tuple[int, int]]:
        """For each index axis the LPS row that it follows most and the sign, as the best of all six assignments."""
        axes = self._axes()
        best = max(itertools.permutations(range(3)), key=lambda rows: sum(abs(axes[r, c]) for c, r in enumerate(rows)))
        return [(row, 1 if axes[row, column] >= 0 else -1) for column, row in enumerate(best)]


def _check_grid(geometry: Geometry) -> None:
    if len(geometry.size) != 3 or min(geometry.size) < 1:
        raise GeometryError(f"The image has size {geometry.size}; every axis needs at least one voxel.")
    if len(geometry.spacing) != 3 or not all(np.isfinite(s) and s > 0 for s in geometry.spacing):
        raise GeometryError(
            f"The voxel spacing {_numbers(geometry.spacing)} is not positive.",
            "Correct the spacing in the file's header, for example with Slicer's Volumes module, and try again.",
        )
    if len(geometry.origin) != 3 or not np.all(np.isfinite(geometry.origin)):
        raise GeometryError(f"The image origin {_numbers(geometry.origin)} is not finite.")
    axes = np.asarray(geometry.direction)
    if axes.shape != (9,) or not np.all(np.isfinite(axes)):
        raise GeometryError(f"The image direction {_numbers(geometry.direction)} is not a 3x3 matrix of numbers.")
    axes = axes.reshape(3, 3)
    if np.abs(axes.T @ axes - np.eye(3)).max() > _ORTHONORMAL_TOLERANCE:
        raise GeometryError(
            "The image axes are not perpendicular unit vectors (a sheared or tilted acquisition).",
            "Resample the image to a regular grid first, for example with Slicer's 'Acquisition geometry "
            "regularization' or 'Resample Scalar/Vector/DWI Volume' module.",
            f"direction {_numbers(geometry.direction)}",
        )


def _code_row(code: str) -> tuple[int, int]:
    for codes, sign in ((_POSITIVE_CODES, 1), (_NEGATIVE_CODES, -1)):
        if code in codes:
            return codes.index(code), sign
    raise GeometryError(f"'{code}' is no orientation letter.", "Use L, R, P, A, S or I.")


def _shape(values: Sequence[int] | np.ndarray) -> Shape:
    return tuple(int(v) for v in values)  # type: ignore[return-value]


def _triple(values: Sequence[float] | np.ndarray) -> Triple:
    return tuple(float(v) for v in values)  # type: ignore[return-value]


def _numbers(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{v:.4g}" for v in values) + ")"
