"""Resizing a real head CT: our operator against scikit-image (nnU-Net's) and torch's interpolate."""

import numpy as np
import torch
from common import head_ct, side_by_side, table
from skimage.transform import resize as skimage_resize
from torch.nn import functional

from UNetSegmentLib.resampling import resize


def main():
    array = head_ct().voxels[0].astype(np.float32)
    array = (array - array.min()) / (array.max() - array.min())
    tensor = torch.from_numpy(array)[None]
    target = (205, 174, 184)  # 0.72 x 0.72 x 1 mm brought to about 1 x 1 x 0.75 mm
    voxels = np.prod(target)
    rows = []
    for order in (1, 3):
        options = {"order": order, "mode": "edge", "anti_aliasing": False}
        candidates = {
            "scikit-image": lambda o=options: skimage_resize(array, target, **o),
            "ours": lambda o=order: resize(tensor, target, o),
        }
        if order == 1:
            candidates["F.interpolate"] = lambda: functional.interpolate(tensor[None], target, mode="trilinear")
        seconds = side_by_side(candidates)
        expected = skimage_resize(array, target, **options)
        results = {"scikit-image": expected, "ours": resize(tensor, target, order)[0].numpy()}
        if order == 1:
            results["F.interpolate"] = functional.interpolate(tensor[None], target, mode="trilinear")[0, 0].numpy()
        for name, time in seconds.items():
            error = np.abs(results[name] - expected).max()
            rows.append(
                [
                    str(order),
                    name,
                    f"{time:.3f}",
                    f"{time / voxels * 1e9:.1f}",
                    f"{seconds['scikit-image'] / time:.1f}x",
                    f"{error:.1e}",
                ]
            )
    title = f"Resampling 154x242x256 to {'x'.join(map(str, target))} (z, y, x), float32, intensities 0 to 1"
    table(title, ["order", "method", "seconds", "ns/voxel", "speed", "largest difference"], rows)


if __name__ == "__main__":
    main()
