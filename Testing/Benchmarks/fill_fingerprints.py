"""Writes into the cards of our own models what their training cases look like.

    python Testing/Benchmarks/fill_fingerprints.py --data FOLDER

FOLDER holds ``msd_hippocampus`` and ``drive``. Weights and all other fields stay as they are.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from UNetSegmentLib.models import read_card
from UNetSegmentLib.models.serialization import card_to_text
from UNetSegmentLib.training.layouts import open_layout
from UNetSegmentLib.training.planning import take_fingerprint

ROOT = Path(__file__).parents[2]
# The package, its data set, and the fold that it was not trained with (None: all cases).
PACKAGES = (
    ("UNetSegmentLib/models/bundled/hippocampus-t1", "msd_hippocampus", None),
    ("Resources/Models/hippocampus-t1/fold0", "msd_hippocampus", 0),
    ("UNetSegmentLib/models/bundled/retinal-vessels", "drive", None),
    # Four networks: every case is in the training of three of them.
    ("Resources/Models/retinal-vessels/folds", "drive", None),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    data_folder = parser.parse_args().data
    for package, name, fold in PACKAGES:
        data = open_layout(data_folder / name)
        cases = [case for case in data.names if fold is None or case not in data.folds[fold]]
        card = read_card(ROOT / package)
        found = take_fingerprint(data, cases).on_card([label.value for label in card.labels])
        path = ROOT / package / "model.json"
        old = path.read_text(encoding="utf-8")
        text = card_to_text(replace(card, fingerprint=found))
        path.write_text(merged(old, text), encoding="utf-8")
        assert read_card(ROOT / package).fingerprint == found
        print(package, found)


def merged(old: str, new: str) -> str:
    """The old text with the new text's fingerprint before its weights, so that no other line changes."""

    def block(text: str) -> tuple[int, int]:
        start = text.find('\n  "fingerprint": ')
        return (start, text.index('\n  "weights": ', start)) if start >= 0 else (-1, -1)

    first, last = block(old)
    if first < 0:
        first = last = old.index('\n  "weights": ')
    begin, end = block(new)
    return old[:first] + new[begin:end] + old[last:]


if __name__ == "__main__":
    main()
