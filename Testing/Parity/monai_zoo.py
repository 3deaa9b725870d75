"""Which bundles of MONAI's model zoo can be imported, and why the others cannot: a table, without any weights.

git clone --depth 1 https://github.com/Project-MONAI/model-zoo
python Testing/Parity/monai_zoo.py model-zoo/models
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.models.importing.archive import FolderSource
from UNetSegmentLib.models.importing.monai.bundle import open_bundle
from UNetSegmentLib.models.importing.monai.plan import Plan, plan_bundle


def main() -> int:
    """Prints the table; 1 where the folder holds no bundles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder that holds one folder for each bundle")
    parser.add_argument("--names", action="store_true", help="print only the names of those that can be imported")
    arguments = parser.parse_args()
    bundles = sorted(path.parent.parent for path in arguments.folder.glob("*/configs/metadata.json"))
    if not bundles:
        print(f"There are no bundles in '{arguments.folder}'.", file=sys.stderr)
        return 1
    runnable = []
    if not arguments.names:
        print("| bundle | network | labels | verdict |\n|---|---|---|---|")
    for folder in bundles:
        try:
            plan = plan_bundle(open_bundle(FolderSource(folder)))
        except UNetSegmentError as error:
            if not arguments.names:
                print(f"| {folder.name} | | | refused: {error.cause} |")
            continue
        runnable.append(folder.name)
        print(folder.name if arguments.names else _row(folder.name, plan))
    if not arguments.names:
        print(f"\n{len(runnable)} of {len(bundles)} bundles can be imported.")
    return 0


def _row(name: str, plan: Plan) -> str:
    card = plan.card
    parts = [
        f"{card.network.dimension}D",
        f"spacing {card.preparation.spacing}",
        f"patch {card.inference.patch}",
        card.inference.weighting,
        f"restores {card.inference.restored}",
        plan.checkpoint,
    ]
    return f"| {name} | {card.network.architecture} | {len(card.labels)} | imports: {', '.join(parts)} |"


if __name__ == "__main__":
    raise SystemExit(main())
