"""Undo for a logic without a panel. With one, the Segment Editor of the section Correct keeps the history."""

import slicer

_STATES = 10


class UndoHistory:
    """The last states of the segmentation that was written to last."""

    def __init__(self) -> None:
        self._history = slicer.vtkSegmentationHistory()
        self._history.SetMaximumNumberOfStates(_STATES)

    def save(self, segmentation_node) -> None:
        """Remembers the node's segments."""
        segmentation = segmentation_node.GetSegmentation()
        if self._history.GetSegmentation() is not segmentation:
            self._history.RemoveAllStates()
            self._history.SetSegmentation(segmentation)
        self._history.SaveState()

    def take_back(self) -> None:
        """The write that :meth:`save` was for has failed. Nothing to do: the saved state is the present one."""

    def undo(self) -> None:
        """Brings the segments back to the last remembered state."""
        self._history.RestorePreviousState()
