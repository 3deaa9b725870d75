"""The modality of a volume that Slicer loaded from DICOM, by which a model of another one is told."""

from __future__ import annotations

import dicom_desk
import support


class TestModality(support.SlicerTestCase):
    def test_it_comes_from_the_series(self):
        from UNetSegmentPlugin.scene.volumes import read_channel

        with dicom_desk.opened() as desk:
            self.assertEqual(read_channel(desk.volume).modality, "CT")
            desk.volume.SetAttribute("DICOM.instanceUIDs", "")
            self.assertEqual(read_channel(desk.volume).modality, "")
