"""The logics of the C++ modules on the real scene, and what Slicer's subject hierarchy plugins would add to it."""

from __future__ import annotations

from pathlib import Path

import slicer_core
import vtk

from . import sharefolder

# Module name: logic class of slicer-core.
LOGICS = {
    "Colors": "vtkSlicerColorLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Models": "vtkSlicerModelsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
}
IN_HIERARCHY = ("vtkMRMLTransformableNode", "vtkMRMLTableNode", "vtkMRMLTextNode")
LEFT_OUT = ("vtkMRMLCameraNode", "vtkMRMLSliceNode", "vtkMRMLViewNode")


def boot(scene, application_logic, home: Path) -> dict[str, object]:
    """Make the module logics, connect them to the scene, and return them by module name."""
    share, terminologies = sharefolder.write(home)
    application_logic.SetHomeDirectory(str(home))
    application_logic.SetShareDirectory(str(share.relative_to(home)))
    logics = {name: getattr(slicer_core, cls)() for name, cls in LOGICS.items()}
    logics["Terminologies"].SetModuleShareDirectory(str(terminologies))
    for name, logic in logics.items():
        logic.SetMRMLApplicationLogic(application_logic)
        application_logic.SetModuleLogic(name, logic)
    application_logic.SetMRMLScene(scene)
    add_crosshair(scene)
    for logic in logics.values():
        logic.SetMRMLScene(scene)
    keep_subject_hierarchy(scene)
    return logics


def add_crosshair(scene) -> None:
    """Slicer's scene has a crosshair from the start; made by the first import, it would come after the batch, and wake
    up whoever listens for new nodes."""
    crosshair = slicer_core.vtkMRMLCrosshairNode()
    crosshair.SetCrosshairName("default")
    scene.AddNode(crosshair)


def keep_subject_hierarchy(scene) -> None:
    """Give every data node its item, as the plugins of Slicer's GUI do."""

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def added(_caller, _event, node) -> None:
        if _belongs(node) and not scene.IsBatchProcessing():
            _add_item(scene, node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def removed(_caller, _event, node) -> None:
        if scene.IsBatchProcessing() or not _belongs(node):
            return
        hierarchy = scene.GetSubjectHierarchyNode()
        item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
        if item:
            hierarchy.RemoveItem(item, False, False)

    def batch_ended(_caller, _event) -> None:
        for index in range(scene.GetNumberOfNodes()):
            node = scene.GetNthNode(index)
            if _belongs(node):
                _add_item(scene, node)

    scene.AddObserver(scene.NodeAddedEvent, added)
    scene.AddObserver(scene.NodeAboutToBeRemovedEvent, removed)
    scene.AddObserver(scene.EndBatchProcessEvent, batch_ended)


def _belongs(node) -> bool:
    return (
        any(node.IsA(name) for name in IN_HIERARCHY)
        and not any(node.IsA(name) for name in LEFT_OUT)
        and not node.GetHideFromEditors()
    )


def _add_item(scene, node) -> None:
    hierarchy = scene.GetSubjectHierarchyNode()
    if not hierarchy.GetItemByDataNode(node):
        hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
