"""The image of a correction, read once as long as its node's voxels are the same."""

from UNetSegmentLib.volume import Volume

from ..scene import volumes


class ReadImage:
    """Keeps the image that was read last; the session tells by the object whether it has to be handed over again."""

    def __init__(self) -> None:
        self._read: tuple[object, tuple, Volume] | None = None

    def knows(self, volume_node) -> bool:
        """Whether the node's voxels are those that were read last."""
        return self._read is not None and self._read[:2] == (volume_node, _time(volume_node))

    def of(self, volume_node) -> Volume:
        """The image of a node; its first three components where it has several.

        Raises:
            UNetSegmentError: it cannot be read as an image.
        """
        if not self.knows(volume_node):
            if volumes.is_vector(volume_node):
                count = min(volume_node.GetImageData().GetNumberOfScalarComponents(), 3)
                volume = volumes.read_colours(volume_node, count)
            else:
                volume = volumes.read_channel(volume_node)
            self._read = (volume_node, _time(volume_node), volume)
        return self._read[2]

    def forget(self) -> None:
        """Lets the image go."""
        self._read = None


def _time(volume_node) -> tuple:
    image = volume_node.GetImageData()
    return (None if image is None else (image.GetMTime(), image.GetAddressAsString("")), volume_node.GetName())
