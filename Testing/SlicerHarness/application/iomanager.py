"""Loading and saving through MRML's own storage nodes and logics, as Slicer's IO manager would choose them."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from ..strictness import dump
from ..strictness.strictobject import StrictObject

# vtkSlicerVolumesLogic::LoadingOptions; without the second, numbered files beside the one asked for make a stack.
LABELMAP, SINGLE_FILE = 1, 4


class IOManager(StrictObject, table=dump.class_table("qSlicerIOManager")):
    """The file types that a segmentation panel and its tests meet."""

    def __init__(self, scene, application_logic):
        super().__init__()
        self._scene = scene
        self._application_logic = application_logic

    def registeredFileReaderCount(self, file_type: str) -> int:
        return int(file_type in self._readers())

    def loadNodes(self, file_type: str, properties: dict, nodes=None, *_) -> bool:
        reader = self._readers().get(file_type)
        if reader is None:
            return False
        before = self._node_ids()
        node = reader(properties)
        if node is None and file_type != "SceneFile":
            for node_id in self._node_ids() - before:
                self._scene.RemoveNode(self._scene.GetNodeByID(node_id))
        if node is not None and nodes is not None and file_type != "SceneFile":
            nodes.AddItem(node)
        return node is not None

    def _node_ids(self) -> set[str]:
        return {self._scene.GetNthNode(n).GetID() for n in range(self._scene.GetNumberOfNodes())}

    def fileWriterFileType(self, node) -> str:
        """Say which writer would take a node; the node's own storage node writes it all the same."""
        return node.GetNodeTagName() + "File"

    def saveNodes(self, file_type: str, properties: dict, *_) -> bool:
        if file_type == "SceneFile":
            return self._save_scene(properties["fileName"])
        node = self._scene.GetNodeByID(properties["nodeID"])
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode(properties["fileName"])
        storage = node.GetStorageNode()
        storage.SetFileName(properties["fileName"])
        return bool(storage.WriteData(node))

    def saveScene(self, file_name: str, *_) -> bool:
        return self._save_scene(file_name)

    def loadScene(self, file_name: str, clear: bool = True, *_) -> bool:
        return self._load_scene({"fileName": file_name, "clear": clear}) is not None

    def addDefaultStorageNodes(self) -> None:
        for index in range(self._scene.GetNumberOfNodesByClass("vtkMRMLStorableNode")):
            node = self._scene.GetNthNodeByClass(index, "vtkMRMLStorableNode")
            if node.GetSaveWithScene():
                node.AddDefaultStorageNode()

    def _readers(self) -> dict:
        return {
            "VolumeFile": self._load_volume,
            "SegmentationFile": self._load_segmentation,
            "MarkupsFile": self._load_markups,
            "SceneFile": self._load_scene,
        }

    def _logic(self, module: str):
        return self._application_logic.GetModuleLogic(module)

    def _load_volume(self, properties: dict):
        path = properties["fileName"]
        name = properties.get("name") or Path(path).name.split(".")[0]
        options = (LABELMAP if properties.get("labelmap") else 0) | (SINGLE_FILE if properties.get("singleFile") else 0)
        return self._logic("Volumes").AddArchetypeVolume(path, name, options)

    def _load_segmentation(self, properties: dict):
        path = properties["fileName"]
        return self._logic("Segmentations").LoadSegmentationFromFile(path, True, properties.get("name", ""))

    def _load_markups(self, properties: dict):
        node_id = self._logic("Markups").LoadMarkups(properties["fileName"], properties.get("name", ""))
        return self._scene.GetNodeByID(node_id) if node_id else None

    def _load_scene(self, properties: dict):
        path = properties["fileName"]
        if not Path(path).is_file():
            return None
        if Path(path).suffix == ".mrb":
            folder = tempfile.mkdtemp(prefix="slicer-harness-bundle-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            path = self._application_logic.UnpackSlicerDataBundle(path, folder)
        self._scene.SetURL(path)
        done = self._scene.Connect() if properties.get("clear") else self._scene.Import()
        return self._scene if done else None

    def _save_scene(self, file_name: str) -> bool:
        path = Path(file_name)
        self._scene.SetRootDirectory(str(path.parent))
        if path.suffix == ".mrb":
            return bool(self._scene.WriteToMRB(str(path)))
        self.addDefaultStorageNodes()
        for index in range(self._scene.GetNumberOfNodesByClass("vtkMRMLStorageNode")):
            storage = self._scene.GetNthNodeByClass(index, "vtkMRMLStorageNode")
            node = self._storable_of(storage)
            if node is not None and node.GetModifiedSinceRead():
                storage.SetFileName(str(path.parent / _file_name(node, storage)))
                storage.WriteData(node)
        return bool(self._scene.Commit(str(path)))

    def _storable_of(self, storage):
        for index in range(self._scene.GetNumberOfNodesByClass("vtkMRMLStorableNode")):
            node = self._scene.GetNthNodeByClass(index, "vtkMRMLStorableNode")
            if node.GetStorageNode() is storage:
                return node
        return None


def _file_name(node, storage) -> str:
    return f"{node.GetID()}.{storage.GetDefaultWriteFileExtension()}"
