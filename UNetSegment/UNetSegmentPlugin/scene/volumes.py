"""From volume nodes to the core's volumes: voxels without a copy, geometry in LPS, channels on one grid."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util.numpy_support import vtk_to_numpy

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.volume import Volume

from .dicom import modality_of

IMAGE_CLASSES = ("vtkMRMLScalarVolumeNode", "vtkMRMLVectorVolumeNode")
"""Volume nodes that can be chosen: grey and colour, without their heirs (label maps, diffusion)."""

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def geometry_of(volume_node) -> Geometry:
    """The voxel grid of a volume node in its own (not transformed) coordinates.

    Raises:
        InputError: no voxels.
        GeometryError: axes that are not perpendicular, a spacing that is not positive.
    """
    image = volume_node.GetImageData()
    if image is None or min(image.GetDimensions()) < 1:
        raise InputError(
            _("'{name}' has no voxels.").format(name=volume_node.GetName()),
            _("Load the image again or choose another one."),
        )
    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    return geometry_from_ras(slicer.util.arrayFromVTKMatrix(matrix), image.GetDimensions())


def geometry_from_ras(ijk_to_ras: np.ndarray, size: Sequence[int]) -> Geometry:
    """The grid of ``size`` (i, j, k) voxels with Slicer's 4x4 IJKToRAS matrix."""
    matrix = _RAS_TO_LPS @ ijk_to_ras
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    # A zero column is refused by Geometry with a message of its own, which a division by zero would only hide.
    direction = matrix[:3, :3] / np.where(spacing > 0, spacing, 1.0)
    return Geometry(tuple(size), tuple(spacing), tuple(matrix[:3, 3]), tuple(direction.ravel()))


def is_vector(volume_node) -> bool:
    """Whether a node has several values a voxel: colours, vectors, tensors."""
    image = volume_node.GetImageData()
    several = image is not None and image.GetNumberOfScalarComponents() > 1
    return several or volume_node.IsA("vtkMRMLDiffusionTensorVolumeNode")


def is_slice(volume_node) -> bool:
    """Whether a node is a single slice, as photographs are."""
    image = volume_node.GetImageData()
    return image is not None and 1 in image.GetDimensions()


def read_channel(volume_node) -> Volume:
    """One scalar volume node as the core's volume. The voxels are a view of the node's own memory.

    Raises:
        InputError: no voxels, or several components a voxel (colour).
    """
    geometry = geometry_of(volume_node)
    voxels = slicer.util.arrayFromVolume(volume_node)
    if voxels.ndim != 3:
        raise InputError(
            _("'{name}' has {count} components a voxel; one is needed.").format(
                name=volume_node.GetName(), count=voxels.shape[-1]
            ),
            _("Convert it with the module 'Vector to Scalar Volume' first."),
        )
    return Volume(voxels[None], geometry, volume_node.GetName(), modality=modality_of(volume_node))


def read_colours(volume_node, count: int) -> Volume:
    """A vector volume node as one volume of ``count`` channels, a view of the node's own memory as well.

    A fourth component beside three colours is transparency, which is left out.

    Raises:
        InputError: no voxels, or another number of components.
    """
    geometry = geometry_of(volume_node)
    voxels = np.moveaxis(slicer.util.arrayFromVolume(volume_node), -1, 0)
    if voxels.ndim != 4 or len(voxels) not in (count, count + (count == 3)):
        raise InputError(
            _("'{name}' does not have {count} values a voxel.").format(name=volume_node.GetName(), count=count),
            _("Choose an image of the kind that the model reads."),
        )
    return Volume(voxels[:count], geometry, volume_node.GetName(), modality=modality_of(volume_node))


def read_channels(volume_nodes: Sequence, count: int | None = None) -> list[Volume]:
    """One volume per node, all on the grid of the first: the others are resampled in physical space, parent transforms
    included. A single vector volume gives one volume of ``count`` channels."""
    reference = volume_nodes[0]
    if len(volume_nodes) == 1 and count is not None and is_vector(reference):
        return [read_colours(reference, count)]
    first = read_channel(reference)
    return [first, *(_on_grid_of(reference, first.geometry, node) for node in volume_nodes[1:])]


def first_image():
    """The scene's first volume node that is an image, a grey one before a colour one. None without one."""
    for name in IMAGE_CLASSES:
        for node in slicer.util.getNodesByClass(name):
            if node.GetClassName() == name and not node.GetHideFromEditors():
                return node
    return None


def source_of(segmentation_node):
    """The volume node that a segmentation was drawn on, or None."""
    return segmentation_node.GetNodeReference(slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole())


def transform_between(source, target) -> vtk.vtkGeneralTransform:
    """From the own coordinates of node ``source`` to those of node ``target`` (None: world), through their parents."""
    transform = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(
        source.GetParentTransformNode() if source else None,
        target.GetParentTransformNode() if target else None,
        transform,
    )
    return transform


def _on_grid_of(reference, grid: Geometry, node) -> Volume:
    channel = read_channel(node)
    if reference.GetTransformNodeID() == node.GetTransformNodeID() and grid.is_close(channel.geometry):
        return replace(channel, geometry=grid)
    reslice = vtk.vtkImageReslice()
    reslice.SetInputData(_index_image(node))
    reslice.SetResliceTransform(_index_transform(reference, node))
    reslice.SetInterpolationModeToLinear()
    reslice.SetBackgroundLevel(float(channel.voxels.min()))
    reslice.SetOutputOrigin(0.0, 0.0, 0.0)
    reslice.SetOutputSpacing(1.0, 1.0, 1.0)
    reslice.SetOutputExtent(0, grid.size[0] - 1, 0, grid.size[1] - 1, 0, grid.size[2] - 1)
    reslice.Update()
    scalars = vtk_to_numpy(reslice.GetOutput().GetPointData().GetScalars())
    return replace(channel, voxels=scalars.reshape(1, *grid.shape), geometry=grid)


def _index_image(node) -> vtk.vtkImageData:
    """The node's voxels in index coordinates, whatever origin and spacing its image data may carry."""
    image = vtk.vtkImageData()
    image.ShallowCopy(node.GetImageData())
    image.SetOrigin(0.0, 0.0, 0.0)
    image.SetSpacing(1.0, 1.0, 1.0)
    return image


def _index_transform(reference, node) -> vtk.vtkGeneralTransform:
    """Index coordinates of ``reference`` to index coordinates of ``node``."""
    to_ras, to_index = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    reference.GetIJKToRASMatrix(to_ras)
    node.GetRASToIJKMatrix(to_index)
    transform = vtk.vtkGeneralTransform()
    transform.PostMultiply()
    transform.Concatenate(to_ras)
    transform.Concatenate(transform_between(reference, node))
    transform.Concatenate(to_index)
    return transform


def add_volume(volume: Volume, beside, suffix: str):
    """A new scalar volume node with the first channel of ``volume``, in the frame of the volume node ``beside``."""
    name = slicer.mrmlScene.GenerateUniqueName(f"{beside.GetName()} {suffix}")
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(volume.voxels[0]))
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(volume.geometry.ras_matrix))
    node.SetAndObserveTransformNodeID(beside.GetTransformNodeID())
    node.CreateDefaultDisplayNodes()
    return node
