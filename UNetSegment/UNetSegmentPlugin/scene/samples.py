"""Sample data for a first try: a T1 head with the regions that the bundled model looks into."""

import os
from pathlib import Path

import slicer
import vtk
from slicer.i18n import tr as _

from . import regions

SAMPLE = "UNetSegmentHead"
NODE_NAME = "ICBM152 T1"
# The average of 152 T1 images that nilearn carries; a tagged release, so the file cannot change.
URI = (
    "https://raw.githubusercontent.com/nilearn/nilearn/0.9.2/nilearn/datasets/data/"
    "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
)
CHECKSUM = "SHA256:421a10e872fd6cadae7f61d358dffbcc1795a497d61ee76c5dda2503e1a1e9e6"
FILE_NAME = "mni_icbm152_t1.nii.gz"

# Centre (RAS mm, MNI space) and size of boxes around the two hippocampi.
REGIONS = {"Left hippocampus": (-26.0, -21.0, -15.0), "Right hippocampus": (26.0, -21.0, -15.0)}
SIZE_MM = (40.0, 56.0, 40.0)


def register() -> None:
    """Makes the sample known to the Sample Data module (which may be switched off); called when Slicer has started."""
    try:
        import SampleData
    except ImportError:
        return
    icons = Path(__file__).resolve().parents[2] / "Resources" / "Icons"
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="UNetSegment",
        sampleName=SAMPLE,
        uris=URI,
        fileNames=FILE_NAME,
        nodeNames=NODE_NAME,
        checksums=CHECKSUM,
        thumbnailFileName=os.fspath(icons / "UNetSegmentHead.png"),
        customDownloader=download,
    )


def download(source) -> None:
    """Loads the head and puts a region around each hippocampus."""
    import SampleData

    nodes = SampleData.SampleDataLogic().downloadFromURL(
        uris=URI, fileNames=FILE_NAME, nodeNames=NODE_NAME, checksums=CHECKSUM
    )
    if nodes:
        add_regions()


def add_regions() -> list:
    """The two boxes, as ROI nodes."""
    nodes = []
    for name, center in REGIONS.items():
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", _(name))
        regions.dress(node)
        node.SetCenter(vtk.vtkVector3d(*center))
        node.SetSize(*SIZE_MM)
        nodes.append(node)
    return nodes
