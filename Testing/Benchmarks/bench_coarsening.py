"""What running coarser costs: held-out Dice at several factors on the model's spacing, with logits and with labels
brought back to the image's grid. The rule in ``UNetSegmentLib/inference/coarsening.py`` comes from this table.

    python Testing/Benchmarks/bench_coarsening.py --model Resources/Models/hippocampus-t1/fold0 --data msd_hippocampus
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from UNetSegmentLib.inference import Segmenter
from UNetSegmentLib.inference.settings import PRESETS
from UNetSegmentLib.models import load_model
from UNetSegmentLib.training.layouts import open_layout, read_case

FACTORS = (1.0, 1.1, 1.15, 1.25, 1.5)


def dice(found, real, judged, value):
    a, b = (found == value) & judged, (real == value) & judged
    return 2 * (a & b).sum() / max(a.sum() + b.sum(), 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--network", type=int, default=0)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--folds", type=int, default=4, help="where the data set defines none")
    asked = parser.parse_args()
    model, data = load_model(asked.model).one_fold(asked.network), open_layout(asked.data).with_folds(asked.folds)
    cases = [read_case(data, name) for name in data.folds[asked.fold]]
    print(f"{'factor':>7} {'restored':>8}  " + "  ".join(label.name for label in model.card.labels))
    for factor in FACTORS:
        for restored in ("logits", "labels"):
            settings = replace(PRESETS["fast"], form="full", spacing_scale=factor, restored=restored)
            segmenter, rows = Segmenter(model, "cpu", settings=settings), []
            for image, real in cases:
                found = segmenter.segment(image).segmentation.voxels
                judged = real.voxels != data.ignored if data.ignored is not None else np.ones(found.shape, bool)
                rows.append([dice(found, real.voxels, judged, label.value) for label in model.card.labels])
            print(f"{factor:7} {restored:>8}  " + "  ".join(f"{value:.4f}" for value in np.mean(rows, axis=0)))


if __name__ == "__main__":
    main()
