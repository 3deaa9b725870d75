"""Where a segment comes from: the DICOM tags on each segment, and the run's settings on the node."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from . import segments

ALGORITHM_TYPE = "DICOM.SegmentAlgorithmType"
ALGORITHM_NAME = "DICOM.SegmentAlgorithmName"
AUTOMATIC, SEMIAUTOMATIC = "AUTOMATIC", "SEMIAUTOMATIC"

_PREFIX = "UNetSegment."
_DIGEST = _PREFIX + "Digest"
_PROMPTS = _PREFIX + "Prompts"
_UNCERTAINTY = _PREFIX + "Uncertainty"
_SECONDS = _PREFIX + "PromptSeconds"


@dataclass(frozen=True)
class Provenance:
    """What made a result.

    Args:
        model, version, model_title: of the model that ran.
        volumes: names of the input volumes, one per channel.
        region: name of the ROI, or an empty text for the whole volume.
        settings: what the engine really used.
        seconds: of the whole run.
    """

    model: str
    version: str
    model_title: str = ""
    volumes: tuple[str, ...] = ()
    region: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def algorithm(self) -> str:
        """The name and version for DICOM's SegmentAlgorithmName (LO: at most 64 characters)."""
        return f"UNetSegment {self.model} {self.version}"[:64]


def mark_segments(segmentation_node, segment_ids: Sequence[str], run: Provenance) -> None:
    """Tags segments that ``run`` has just written, and remembers their voxels."""
    found = segments.read_all(segmentation_node)
    for segment_id in segment_ids:
        mark_segment(segmentation_node.GetSegmentation().GetSegment(segment_id), found[segment_id], run)


def mark_segment(segment, found: segments.Found | None, run: Provenance) -> None:
    """Tags one segment (vtkSegment) with the voxels ``found``; best before it is added, when nobody watches it yet."""
    segment.SetTag(ALGORITHM_TYPE, AUTOMATIC)
    segment.SetTag(ALGORITHM_NAME, run.algorithm)
    segment.SetTag(_DIGEST, segments.digest(found))


def mark_corrections(segmentation_node) -> None:
    """Sets the algorithm type of our segments: SEMIAUTOMATIC where somebody changed the voxels since, AUTOMATIC where
    not (or where the change was undone)."""
    segmentation = segmentation_node.GetSegmentation()
    for segment_id, found in segments.read_all(segmentation_node).items():
        segment = segmentation.GetSegment(segment_id)
        remembered = segments.tag(segment, _DIGEST)
        if not remembered:
            continue
        same = remembered == segments.digest(found)
        kind = AUTOMATIC if same else SEMIAUTOMATIC
        if segments.tag(segment, ALGORITHM_TYPE) != kind:
            segment.SetTag(ALGORITHM_TYPE, kind)


@dataclass(frozen=True)
class Prompts:
    """How a segment was corrected: how many prompts, and the seconds from drawing them to their answers."""

    count: int = 0
    seconds: float = 0.0


def prompts_of(segment) -> Prompts:
    """What earlier corrections have left on a segment (vtkSegment)."""
    try:
        return Prompts(int(segments.tag(segment, _PROMPTS) or 0), float(segments.tag(segment, _SECONDS) or 0))
    except ValueError:
        return Prompts()


def mark_prompts(segment, prompts: Prompts) -> None:
    """Tags a segment (vtkSegment) that was corrected by prompts, or whose prompts were all taken back."""
    if prompts.count:
        segment.SetTag(ALGORITHM_TYPE, SEMIAUTOMATIC)
        if not segments.tag(segment, ALGORITHM_NAME):
            segment.SetTag(ALGORITHM_NAME, "UNetSegment prompts")
        segment.SetTag(_PROMPTS, str(prompts.count))
        segment.SetTag(_SECONDS, f"{prompts.seconds:.1f}")
    elif segments.tag(segment, _PROMPTS):
        segment.RemoveTag(_PROMPTS)
        segment.RemoveTag(_SECONDS)


def mark_node(segmentation_node, run: Provenance) -> None:
    """Leaves the run's settings as node attributes, which are saved with the scene."""
    attributes = {
        "Model": run.model,
        "ModelVersion": run.version,
        "Inputs": "; ".join(run.volumes),
        "Region": run.region,
        "Settings": json.dumps(run.settings, sort_keys=True, default=str),
        "Seconds": f"{run.seconds:.2f}",
    }
    for name, value in attributes.items():
        segmentation_node.SetAttribute(_PREFIX + name, value)


def settings_of(segmentation_node) -> dict[str, Any]:
    """What the engine used for the run that :func:`mark_node` has noted last; empty where there is nothing readable."""
    try:
        found = json.loads(segmentation_node.GetAttribute(_PREFIX + "Settings") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def set_uncertainty(segmentation_node, volume_node) -> None:
    """Remembers the volume of the model's uncertainty with the segmentation; it is saved with the scene."""
    segmentation_node.SetNodeReferenceID(_UNCERTAINTY, volume_node.GetID())


def uncertainty_of(segmentation_node):
    """The volume node of the model's uncertainty; None where there is none."""
    return segmentation_node.GetNodeReference(_UNCERTAINTY)


def made_by_us(segmentation_node) -> bool:
    """Whether a run has written to this node."""
    return bool(segmentation_node.GetAttribute(_PREFIX + "Model"))
