"""The few resource files that Slicer's logics read at start, and slicer-core does not carry.

They have Slicer's names and contexts and a handful of entries: enough that the logics load, no copy of Slicer's own.
"""

from __future__ import annotations

import colorsys
import json
from pathlib import Path

GENERAL = "Segmentation category and type - 3D Slicer General Anatomy list"
MASTER = "Segmentation category and type - DICOM master list"
REGIONS = "Anatomic codes - DICOM master list"
SCHEMA = "https://raw.githubusercontent.com/qiicr/dcmqi/master/doc/schemas/"


def write(home: Path) -> tuple[Path, Path]:
    """Write the files under ``home``; return the application's and the Terminologies module's share folder."""
    share = home / "share" / "Slicer-5.13"
    colors, terminologies = share / "ColorFiles", share / "qt-loadable-modules" / "Terminologies"
    for folder in (colors, terminologies):
        folder.mkdir(parents=True)
    for name in ("GenericColors", "GenericAnatomyColors", "DarkBrightChartColors"):
        (colors / f"{name}.txt").write_text(_color_table(name), encoding="utf-8")
    stem = "SegmentationCategoryTypeModifier"
    _write_json(terminologies / f"{stem}-SlicerGeneralAnatomy.term.json", _segmentation_context(GENERAL))
    _write_json(terminologies / f"{stem}-DICOM-Master.term.json", _segmentation_context(MASTER))
    _write_json(terminologies / "AnatomicRegionAndModifier-DICOM-Master.term.json", _region_context())
    return share, terminologies


def _color_table(name: str) -> str:
    lines = [f"#Filename: {name}.txt", "0 background 0 0 0 0"]
    for index in range(1, 64):
        red, green, blue = (round(255 * c) for c in colorsys.hsv_to_rgb(index * 0.618 % 1, 0.6, 0.9))
        lines.append(f"{index} {index} {red} {green} {blue} 255")
    return "\n".join(lines) + "\n"


def _code(value: str, meaning: str, **more) -> dict:
    return {"CodingSchemeDesignator": "SCT", "CodeValue": value, "CodeMeaning": meaning, **more}


def _segmentation_context(name: str) -> dict:
    tissue = _code("85756007", "Tissue", recommendedDisplayRGBValue=[128, 174, 128])
    brain = _code("12738006", "Brain", recommendedDisplayRGBValue=[250, 250, 225])
    hippocampus = _code("5366008", "Hippocampus", recommendedDisplayRGBValue=[181, 85, 57])
    categories = [
        _code("85756007", "Tissue", showAnatomy=True, Type=[tissue]),
        _code("123037004", "Anatomical Structure", showAnatomy=True, Type=[brain, hippocampus]),
    ]
    return {
        "SegmentationCategoryTypeContextName": name,
        "@schema": f"{SCHEMA}segment-context-schema.json#",
        "SegmentationCodes": {"Category": categories},
    }


def _region_context() -> dict:
    return {
        "AnatomicContextName": REGIONS,
        "@schema": f"{SCHEMA}anatomic-context-schema.json#",
        "AnatomicCodes": {"AnatomicRegion": [_code("12738006", "Brain"), _code("5366008", "Hippocampus")]},
    }


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
