"""From cut voxels to coloured pixels: the grey window, and labels as thin fills with crisp contours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

Color = tuple[int, int, int]

_FILL = 0.16
_FILM = 0.6
# A thin label is no deeper than so many lines, and on average less deep than this share of a square of its parts' size
# (0.17 for a square, 0.19 for a disc).
_THIN_LINES, _LONG = 10.0, 0.09
# Below this a value is air in CT, which would take most of the grey scale if it took part in the window.
_CT_AIR = -300.0
_CT_LOWEST = -900.0


def grey_window(cuts: Sequence[np.ndarray]) -> tuple[float, float]:
    """The intensities that become black and white, from percentiles of what the planes show.

    Args:
        cuts: images along the planes, NaN outside of the image.
    """
    values = np.concatenate([cut[np.isfinite(cut)] for cut in cuts])
    if not values.size:
        return 0.0, 1.0
    if values.min() < _CT_LOWEST:
        tissue = values[values > _CT_AIR]
        if tissue.size > 0.2 * values.size:
            values = tissue
    low, high = np.percentile(values, [1.0, 99.3])
    if high <= low:
        low, high = float(values.min()), float(values.max())
    if high <= low:
        return float(low) - 1.0, float(low) + 1.0
    # Some room above, so that the brightest tissue keeps its texture.
    return float(low), float(high + 0.08 * (high - low))


def grey(cut: np.ndarray, window: tuple[float, float], outside: Color) -> np.ndarray:
    """An image along a plane as RGB floats 0 to 1, shape (rows, columns, 3).

    Args:
        cut: (channels, rows, columns); three channels are taken for red, green and blue, else the first is shown.
        window: intensities that become black and white.
        outside: colour where the cut is NaN.
    """
    channels = cut if len(cut) == 3 else cut[:1]
    scaled = (channels - window[0]) / (window[1] - window[0])
    rgb = np.broadcast_to(np.clip(scaled, 0, 1), (3, *cut.shape[1:])).transpose(1, 2, 0)
    return np.where(np.isfinite(rgb), rgb, np.asarray(outside) / 255.0)


def paint_label(picture: np.ndarray, share: np.ndarray, color: Color, line: float, blur: float) -> None:
    """Paints one label into a picture, in place: a light fill and a line just inside its border.

    Lines lie inside, so that two labels that touch show two lines side by side.

    Args:
        picture: RGB floats (rows, columns, 3).
        share: how much of each pixel the label has (rows, columns), 0 to 1.
        color: its colour.
        line: width of the line in pixels.
        blur: pixels (standard deviation) by which the steps between voxels are softened.
    """
    inside = share > 0.5
    if not inside.any():
        return
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    pad = int(np.ceil(line + 3 * blur)) + 2
    window = (
        slice(max(rows[0] - pad, 0), rows[-1] + pad + 1),
        slice(max(columns[0] - pad, 0), columns[-1] + pad + 1),
    )
    share = _softened(share[window], blur)
    inside = share > 0.5
    depth = _depth(inside, share)
    alpha = np.clip(depth + 0.5, 0, 1) * np.clip(line - depth + 0.5, 0, 1)
    alpha = np.maximum(alpha, _FILL * inside)[..., None]
    picture[window] = picture[window] * (1 - alpha) + np.asarray(color) / 255.0 * alpha


def is_thin(share: np.ndarray, line: float) -> bool:
    """Whether a label is so thin (vessels, membranes) that lines along its border would leave little else to be seen.

    Its parts are long for their width, which is not many times that of a line.

    Args:
        share: how much of each pixel the label has (rows, columns), 0 to 1.
        line: width of the line in pixels.
    """
    inside = share > 0.5
    if not inside.any():
        return bool(share.any())
    depth = _depth(inside, share)[inside]
    if np.percentile(depth, 90) > _THIN_LINES * line:
        return False
    parts = sitk.ConnectedComponentImageFilter()
    parts.SetFullyConnected(True)
    parts.Execute(sitk.GetImageFromArray(inside.astype(np.uint8)))
    return bool(depth.mean() < _LONG * np.sqrt(depth.size / parts.GetObjectCount()))


def cover_thin(picture: np.ndarray, share: np.ndarray, color: Color) -> None:
    """Lays a see-through film of one colour over a thin label, in place, with borders as soft as its shares.

    Args:
        picture: RGB floats (rows, columns, 3).
        share: how much of each pixel the label has (rows, columns), 0 to 1.
        color: its colour.
    """
    alpha = (_FILM * np.clip(share, 0, 1))[..., None]
    picture *= 1 - alpha
    picture += np.asarray(color) / 255.0 * alpha


def visible_color(color: Color) -> Color:
    """The colour, or a lighter one of the same hue where it would drown in a dark picture."""
    rgb = np.asarray(color, dtype=float)
    brightness = float(rgb @ [0.299, 0.587, 0.114])
    if brightness < 90.0:
        rgb = rgb + (255.0 - rgb) * (90.0 - brightness) / (255.0 - brightness)
    red, green, blue = (round(v) for v in rgb)
    return red, green, blue


def _softened(share: np.ndarray, sigma: float) -> np.ndarray:
    """Smooths the border without changing the area inside it, so that the smallest segments do not shrink."""
    # The recursive filter needs four pixels along each axis, and a width of about half a pixel to mean anything.
    if sigma < 0.5 or min(share.shape) < 4:
        return share
    soft = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(share), sigma))
    area = np.count_nonzero(share > 0.5)
    level = float(np.partition(soft.ravel(), soft.size - area)[soft.size - area]) if area else 0.5
    return soft + (0.5 - min(max(level, 0.25), 0.6))


def _depth(inside: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Pixels from the border inwards (negative outside), fine enough for smooth lines.

    Distances to the nearest pixel on the other side, moved by where the share passes one half between two pixels.
    """
    image = sitk.GetImageFromArray(np.pad(inside, 1).astype(np.uint8))
    distance = sitk.SignedMaurerDistanceMap(image, insideIsPositive=True, squaredDistance=False)
    whole = sitk.GetArrayFromImage(distance)[1:-1, 1:-1]
    rows, columns = np.gradient(share)
    slope = np.maximum(np.hypot(rows, columns), 1e-3)
    fine = (share - 0.5) / slope
    return np.where(np.abs(fine) < 1.0, fine, whole + np.where(inside, 0.5, -0.5))
