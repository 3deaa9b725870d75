"""Whatever may change a segmentation, or take it away, is told to whoever corrects it."""

from collections.abc import Callable

import slicer


class Watch:
    """Observes one segmentation at a time, and the scene that it is in.

    Args:
        changed: called at every change, while it happens.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._tags: list[tuple[object, int]] = []

    def begin(self, segmentation_node) -> None:
        """Observes this one, and no other any more."""
        self.end()
        segmentation = segmentation_node.GetSegmentation()
        for event in (
            *(segmentation.SourceRepresentationModified, segmentation.RepresentationModified),
            *(segmentation.SegmentModified, segmentation.SegmentRemoved),
        ):
            self._tags.append((segmentation, segmentation.AddObserver(event, self._on_event)))

        scene = slicer.mrmlScene
        # A closed scene sends no word of its segments, and would be kept in memory by its observers.
        for event in (scene.NodeRemovedEvent, scene.EndCloseEvent):
            self._tags.append((scene, scene.AddObserver(event, self._on_event)))

    def end(self) -> None:
        """Observes nothing any more."""
        for observed, tag in self._tags:
            observed.RemoveObserver(tag)
        self._tags = []

    def _on_event(self, *_arguments) -> None:
        self._changed()
