"""Which volume nodes feed a model, and what is wrong with them: one colour volume, or a scalar volume per channel."""

from collections.abc import Sequence

import slicer
import vtk
from slicer.i18n import tr as _

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.models.card import ModelCard
from UNetSegmentLib.models.colour import reads_colours

from .. import parameters as chosen
from . import photographs
from .volumes import is_vector

_COLOUR_COMPONENTS = (3, 4)
_REAL = (vtk.VTK_FLOAT, vtk.VTK_DOUBLE)


def nodes_of(parameters, card: ModelCard) -> tuple:
    """The nodes that a run would take, None where one is still to be chosen: a vector volume brings all channels."""
    first = chosen.channel(parameters, 0)
    count = 1 if needs_one_node(first, card) else len(card.inputs)
    return tuple(chosen.channel(parameters, number) for number in range(count))


def needs_one_node(first, card: ModelCard) -> bool:
    """Whether the first selector is all that the user has to fill in."""
    if first is not None and is_vector(first):
        return True
    return len(card.inputs) == 1 or (first is None and reads_colours(card))


def problems(nodes: Sequence, card: ModelCard) -> list[InputError]:
    """What keeps these nodes (see :func:`nodes_of`) from being segmented, with causes and cures."""
    first = nodes[0]
    if len(nodes) == 1:
        problem = _problem_of_only(first, card)
        return [problem] if problem is not None else []
    if reads_colours(card) and _is_image(first) and not any(nodes[1:]):
        return [
            InputError(
                _("This model reads colour images (3 channels: red, green, blue); '{name}' is a grey image.").format(
                    name=first.GetName()
                ),
                _("Choose the colour image itself, or one grey image for each of the three colours."),
            )
        ]
    found = (_problem_of_channel(node, card, number) for number, node in enumerate(nodes))
    return [problem for problem in found if problem is not None]


def check(nodes: Sequence, card: ModelCard) -> None:
    """Refuses what a script gives when a run could not take it.

    Raises:
        InputError: with cause and cure.
    """
    first = nodes[0]
    wanted = 1 if needs_one_node(first, card) else len(card.inputs)
    if None in nodes or len(nodes) > wanted or (len(nodes) < wanted and not reads_colours(card)):
        names = ", ".join(channel.name for channel in card.inputs)
        raise InputError(
            f"'{card.name}' needs {len(card.inputs)} image(s) ({names}), {len(nodes)} given.",
            "Give the first as volume_node and the others as other_channels; a colour image is one volume_node.",
        )
    for problem in problems([*nodes, *[None] * (wanted - len(nodes))], card):
        raise problem


def warnings(nodes: Sequence) -> list[str]:
    """What is worth knowing about the images beside the result."""
    frames = [
        _("'{name}' is one frame of the sequence '{browser}': only the frame that was shown is segmented.").format(
            name=node.GetName(), browser=browser.GetName()
        )
        for node in nodes
        for browser in slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode")
        if browser.IsProxyNodeID(node.GetID())
    ]
    stacks = [
        _("'{name}' holds {count} numbered photographs that Slicer has loaded as one volume.").format(
            name=node.GetName(), count=photographs.count(node)
        )
        for node in nodes
        if photographs.count(node)
    ]
    return frames + stacks


def _problem_of_only(node, card: ModelCard) -> InputError | None:
    """Of the only node that is given."""
    if node is None:
        return InputError(_("Choose a colour image.") if reads_colours(card) else _("Choose an image."))
    if not is_vector(node):
        return _problem_of_channel(node, card, 0)
    return _no_voxels(node) or _not_colours(node, card) or _other_channels(node, card)


def _problem_of_channel(node, card: ModelCard, number: int) -> InputError | None:
    """Of a node that is one input channel."""
    if node is None:
        several = len(card.inputs) > 1
        name = card.inputs[number].name
        return InputError(_("Choose the image '{name}'.").format(name=name) if several else _("Choose an image."))
    if is_vector(node):
        return InputError(
            _("'{name}' has {count} values per voxel; the image '{channel}' has one.").format(
                name=node.GetName(), count=node.GetImageData().GetNumberOfScalarComponents(),
                channel=card.inputs[number].name,
            ),
            _("Choose a grey image."),
        )  # fmt: skip
    return _no_voxels(node)


def _no_voxels(node) -> InputError | None:
    if _is_image(node):
        return None
    return InputError(_("'{name}' has no voxels.").format(name=node.GetName()))


def _not_colours(node, card: ModelCard) -> InputError | None:
    """Vectors that are no colours: a displacement field, a time series, diffusion gradients."""
    image = node.GetImageData()
    count, kind = image.GetNumberOfScalarComponents(), node.GetVoxelVectorType()
    flagged = kind in (node.VoxelVectorTypeColorRGB, node.VoxelVectorTypeColorRGBA)
    spatial = kind in (node.VoxelVectorTypeSpatial, node.VoxelVectorTypeSpatialCovariant)
    if spatial or (not flagged and image.GetScalarType() in _REAL):
        return InputError(
            _("'{name}' holds vectors of real numbers, as displacement fields do, not colours.").format(
                name=node.GetName()
            ),
            _("Choose an image. The colours of a colour image are whole numbers, of 8 or 16 bits."),
        )
    if count not in (*_COLOUR_COMPONENTS, len(card.inputs)):
        return InputError(
            _("'{name}' has {count} values per voxel: several images, or points in time, in one volume.").format(
                name=node.GetName(), count=count
            ),
            _("Save the image that you want as a volume of its own, and choose that."),
        )
    return None


def _other_channels(node, card: ModelCard) -> InputError | None:
    """Colours for a model that wants something else."""
    count, wanted = node.GetImageData().GetNumberOfScalarComponents(), len(card.inputs)
    if wanted in (count, count - 1 if count == max(_COLOUR_COMPONENTS) else count):
        return None
    if wanted == 1:
        return InputError(
            _("'{name}' is a colour image; this model reads grey images ({modality}).").format(
                name=node.GetName(), modality=card.inputs[0].modality
            ),
            _("Choose another model or image, or make it grey with the module 'Vector to Scalar Volume'."),
        )
    return InputError(
        _("'{name}' is a colour image; this model reads {count} images: {channels}.").format(
            name=node.GetName(), count=wanted, channels=", ".join(channel.name for channel in card.inputs)
        ),
        _("Choose a grey image for each of them."),
    )


def _is_image(node) -> bool:
    image = node.GetImageData()
    return image is not None and min(image.GetDimensions()) > 0 and image.GetPointData().GetScalars() is not None
