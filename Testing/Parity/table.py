"""Prints how our preset ``exact`` agrees with nnU-Net itself: python Testing/Parity/table.py [model ...]"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nnunet_comparison import Comparison, compare
from nnunet_models import MAKERS, Original, make

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
HEADER = ["model", "case", "voxels", "same label", "float32", "nnU-Net to itself", "logits", "its own rounding"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="model", help=f"of {', '.join(MAKERS)}; all by default")
    parser.add_argument("--backend", default="torch", help="torch, openvino or onnx")
    arguments = parser.parse_args()
    wanted = arguments.models or list(MAKERS)
    _print_header(arguments.backend)
    with tempfile.TemporaryDirectory() as root:
        for name in wanted:
            original = make(name, Path(root), DATA)
            for comparison in compare(name, original, Path(root) / name, arguments.backend):
                print("| " + " | ".join(_row(original, comparison)) + " |", flush=True)


def _row(original: Original, comparison: Comparison) -> list[str]:
    return [
        original.what,
        comparison.case,
        f"{comparison.voxels:,}",
        f"{comparison.same:.5%}",
        f"{comparison.same_float32:.5%}",
        f"{comparison.own_rounding:.5%}",
        "" if comparison.logits is None else f"{comparison.logits:.1e}",
        f"{comparison.own_logits:.1e}",
    ]


def _print_header(backend: str) -> None:
    from importlib.metadata import version

    print(f"\nPreset exact ({backend}) against nnunetv2 {version('nnunetv2')} (nnUNetPredictor on the CPU), step 0.5")
    print("same label: share of voxels with nnU-Net's label. float32: the same when nnU-Net's code sums the tiles in")
    print("float32 instead of half precision. nnU-Net to itself: nnU-Net in half against nnU-Net in float32.")
    print("logits: largest difference of log-probabilities to nnU-Net in float32; its own rounding: half to float32.\n")
    print("| " + " | ".join(HEADER) + " |")
    print("|" + "---|" * len(HEADER), flush=True)


if __name__ == "__main__":
    main()
