"""What the user chose: kept in a parameter node, so that it is saved and restored with the scene."""

from typing import Annotated, Union

from slicer import vtkMRMLMarkupsROINode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkMRMLVectorVolumeNode
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper

PRESETS = ("balanced", "fast", "exact")
BACKENDS = ("auto", "torch", "openvino", "onnx", "tensorrt")
FORMS = ("auto", "full", "quick")
POLICIES = ("new", "replace", "add", "empty")
_CHANNEL_ROLE = "input_channel_{}"


@parameterNodeWrapper
class Parameters:
    """State of the panel. Names are those of the widgets' ``SlicerParameterName`` and of the saved scene.

    input_volume: first channel; see :func:`channels` for the others. model: name of a model card. region: used unless
    whole_volume. policy, target: see ``results.Destination``. result: the segmentation that is corrected and measured.
    form: ``full`` weights, the ``quick`` version where the model has one, or what the preset asks for.
    train_*: the choices of the section Train, see ``sections.train``; its pairs: see ``training.pairs``.
    quick_*: those of the section Quick version, see ``sections.quick``, which shows the same pairs.
    """

    # Slicer's selectors show the classes that are named here, and no others. A union takes None only where it says so.
    input_volume: Union[vtkMRMLScalarVolumeNode, vtkMRMLVectorVolumeNode, None]  # noqa: UP007
    model: str = ""
    whole_volume: bool = True
    region: vtkMRMLMarkupsROINode
    policy: Annotated[str, Choice(list(POLICIES))] = "new"
    target: vtkMRMLSegmentationNode
    result: vtkMRMLSegmentationNode
    device: str = "auto"
    preset: Annotated[str, Choice(list(PRESETS))] = "balanced"
    backend: Annotated[str, Choice(list(BACKENDS))] = "auto"
    form: Annotated[str, Choice(list(FORMS))] = "auto"
    memory_limit_gb: Annotated[float, WithinRange(0.0, 512.0)] = 0.0
    train_pairs: int = 0
    train_from_folder: bool = False
    train_folder: str = ""
    train_left_out: str = ""
    train_title: str = ""
    train_recipe: str = ""
    train_start_from: str = ""
    train_minutes: Annotated[float, WithinRange(0.1, 10080.0)] = 60.0
    train_network: str = ""
    train_folds: int = 5
    train_device: str = "auto"
    quick_from_folder: bool = False
    quick_folder: str = ""
    quick_loss: Annotated[float, WithinRange(0.0, 1.0)] = 0.003
    smoothing: Annotated[float, WithinRange(0.0, 1.0)] = 0.3
    uncertainty: bool = False


def channel(parameters: Parameters, number: int):
    """The volume node of input channel ``number`` (0 is the first), or None."""
    if number == 0:
        return parameters.input_volume
    return parameters.parameterNode.GetNodeReference(_CHANNEL_ROLE.format(number))


def set_channel(parameters: Parameters, number: int, volume_node) -> None:
    """Chooses the volume node of an input channel; a model may have any number of them."""
    if number == 0:
        parameters.input_volume = volume_node
        return
    node_id = volume_node.GetID() if volume_node is not None else None
    parameters.parameterNode.SetNodeReferenceID(_CHANNEL_ROLE.format(number), node_id)
