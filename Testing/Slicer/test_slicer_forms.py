"""The quick version of a model in Advanced: which one runs, in what, and why; and on the card."""

from dataclasses import dataclass, replace
from unittest import mock

import known_models
import support
from slicer_training_cases import add_case

from UNetSegmentLib.models.card import CompressedForm, FormAccuracy

FORM = CompressedForm(
    "int8-openvino", (("a.xml", "a.bin"),), "nncf", "tiles", (), FormAccuracy("x", 44, 0.885, 0.886, 1, 0)
)


@dataclass(frozen=True)
class Device:
    name: str
    title: str = ""
    memory: int = 0


class FormsTest(support.SlicerTestCase):
    def setUp(self) -> None:
        super().setUp()
        known_models.bundled_or_skip()
        self.panel = support.panel().panel
        self.parameters, self.ui = self.panel.parameters, self.panel.advanced.ui
        self.panel.reload_models()
        self.panel.choose_model(known_models.BUNDLED)
        self.panel.advanced.root.collapsed = False
        self.addCleanup(setattr, self.panel.advanced.root, "collapsed", True)
        self.plain = self.panel.card

    def quick(self) -> None:
        """The chosen model has a quick version."""
        patch = mock.patch.object(self.panel, "cards", [replace(self.plain, forms=(FORM,))])
        patch.start()
        self.addCleanup(patch.stop)
        self.panel.refresh()

    def says(self, *names: str, openvino: bool = True) -> str:
        from UNetSegmentPlugin.sections import engine_words

        devices = [Device(name) for name in names or ("cpu",)]
        return engine_words.next_text(self.panel.card, self.parameters, devices, openvino)

    def order(self) -> dict:
        self.parameters.input_volume = add_case(0, "case")[0]
        return self.panel.order().settings

    def test_the_preset_decides_unless_the_user_does(self):
        self.quick()
        self.assertNotIn("form", self.order())
        self.assertIn("the full model", self.says())
        self.parameters.preset = "fast"
        self.assertIn("the quick version (INT8) in OpenVINO: the preset Fast asks for it", self.says())
        self.ui.formBox.setCurrentIndex(self.ui.formBox.findData("full"))
        self.assertEqual(self.order()["form"], "full")
        self.assertIn("the full model", self.says())
        self.ui.formBox.setCurrentIndex(self.ui.formBox.findData("quick"))
        self.parameters.preset = "balanced"
        self.assertEqual(self.order()["form"], "smallest")
        self.assertIn("the quick version (INT8) in OpenVINO: chosen here", self.says())

    def test_a_model_without_one_runs_in_full_and_that_is_said(self):
        self.parameters.form = "quick"
        self.assertNotIn("form", self.order())
        self.assertIn("This model has no quick version", self.says())

    def test_what_keeps_it_from_running_is_said(self):
        self.quick()
        self.parameters.form = "quick"
        self.assertIn("OpenVINO, which runs quick versions, is not installed", self.says(openvino=False))
        self.assertIn("a graphics card is chosen", self.says("cuda:0", "cpu"))
        self.parameters.device = "cpu"
        self.assertIn("the quick version", self.says("cuda:0", "cpu"))
        self.parameters.backend = "torch"
        self.assertIn("the full model in PyTorch, which is chosen here", self.says())

    def test_what_runs_the_full_model_is_said(self):
        self.assertIn("PyTorch or OpenVINO", self.says())
        self.assertIn("Setup can install it", self.says(openvino=False))
        self.assertIn("quickest on graphics cards", self.says("cuda:0", "cpu"))
        self.parameters.backend = "onnx"
        self.assertIn("ONNX Runtime: chosen here", self.says())

    def test_what_has_run_stands_with_the_result(self):
        from UNetSegmentPlugin.scene import provenance

        _volume, node = add_case(0, "case")
        run = provenance.Provenance("m", "1", settings={"backend": "openvino", "form": "int8", "device": "CPU"})
        provenance.mark_node(node, run)
        self.parameters.result = node
        self.assertIn("the quick version (INT8) in OpenVINO, CPU.", self.ui.engineLabel.text)
        node.SetAttribute("UNetSegment.Settings", "{broken")
        self.panel.refresh()
        self.assertNotIn("This result", self.ui.engineLabel.text)

    def test_the_card_tells_its_measured_loss(self):
        from UNetSegmentPlugin.models import forms

        self.quick()
        self.assertEqual(forms.quick_text(self.panel.card), "INT8, loses 0.001 Dice on 44 cases")
        unmeasured = replace(self.plain, forms=(replace(FORM, accuracy=None),))
        self.assertEqual(forms.quick_text(unmeasured), "INT8, loss not measured")
        self.assertEqual(forms.loss_words(0.88, 0.8804), "loses no Dice")
        self.assertEqual(forms.loss_words(0.88, 0.89), "wins 0.010 Dice")
        self.assertEqual([forms.size_words(n) for n in (12_300, 940_000, 31e6)], ["12 kB", "0.9 MB", "31 MB"])
