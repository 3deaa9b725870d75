"""Setup: without torch it appears and nothing else breaks; Install, Repair and the self-test say what happened."""

import os
import sys
import tempfile
import types
from pathlib import Path
from unittest import mock

import known_models as models
import slicer
import slicer.packaging
import support
from test_slicer_geometry import GRIDS, ball_volume

BROKEN_TORCH = {
    "missing": "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')",
    "fatal": "import os; os._exit(11)",
    "broken": "raise OSError('libcudart.so.12: cannot open shared object file')",
}


class SetupTest(support.SlicerTestCase):
    def setUp(self) -> None:
        super().setUp()
        patch = models.at_hand()
        patch.start()
        self.addCleanup(patch.stop)
        self.panel = support.panel().panel
        self.panel.reload_models()
        self.runner = self.panel.runner
        self.setup = self.panel.setup
        self.addCleanup(self._recover)

    def _recover(self) -> None:
        self.runner.shutdown()
        self.runner._here.ready = None
        self.setup._wanted, self.setup._message = False, ""
        self.panel.refresh()

    def break_torch(self, how: str) -> None:
        """Starts a worker whose torch cannot be imported."""
        self.shadow("torch", BROKEN_TORCH[how])

    def break_package(self, name: str) -> None:
        """Starts a worker that lacks a package."""
        self.shadow(name, f"raise ModuleNotFoundError({name!r}, name={name!r})")

    def shadow(self, name: str, code: str) -> None:
        """Starts a worker that finds ``code`` in place of a package."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        (Path(folder.name) / f"{name}.py").write_text(code, encoding="utf-8")
        environment = self.runner._here.client._connection._environment
        path = os.pathsep.join([folder.name, environment["PYTHONPATH"]])
        patch = mock.patch.dict(environment, {"PYTHONPATH": path})
        patch.start()
        self.addCleanup(patch.stop)
        self.runner.restart()
        support.wait_until(lambda: self.runner.ready is not None, 180, "the worker")

    def test_all_is_hidden_while_nothing_is_missing(self):
        self.runner.start()
        support.wait_until(lambda: self.runner.ready is not None, 180, "the worker")
        self.assertIsNone(self.setup.problem)
        self.assertFalse(self.setup.root.isVisibleTo(self.setup.root.parentWidget()))

    def test_without_torch_setup_appears_and_nothing_else_breaks(self):
        self.break_torch("missing")
        self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])
        self.panel.parameters.model = "threshold"
        self.assertTrue(self.setup.root.isVisibleTo(self.setup.root.parentWidget()))
        self.assertIn("torch is not installed", self.setup.ui.setupLabel.text)
        self.assertEqual(self.panel.input_errors(), ["Something is missing: see Setup above."])
        self.assertFalse(self.panel.run.ui.segmentButton.enabled)
        self.panel.region.ui.placeRegionButton.click()
        self.assertIsNotNone(self.panel.parameters.region)
        self.assertGreater(self.panel.model.chooser.ui.modelList.count, 0)
        from UNetSegmentLib.errors import DependencyError

        with self.assertRaises(DependencyError):
            support.logic().segment(self.panel.parameters.input_volume, model="threshold")

    def test_safetensors_alone_missing_is_asked_for_before_the_first_click(self):
        from UNetSegmentPlugin.installing import environment

        self.break_package("safetensors")
        with mock.patch.object(environment, "missing_packages", lambda: ["safetensors>=0.4"]):
            self.panel.refresh()
            self.assertTrue(self.setup.root.isVisibleTo(self.setup.root.parentWidget()))
            self.assertTrue(self.setup.ui.installButton.isVisibleTo(self.setup.root))
            text = self.setup.ui.setupLabel.text
        self.assertIn("safetensors is not installed", text)
        self.assertIn("Click Install", text)
        self.assertNotIn("pip install", text)
        self.assertNotIn("gigabytes", text)
        self.assertFalse(self.panel.run.ui.segmentButton.enabled)

    def test_install_and_repair_need_the_pytorch_extension_only_where_torch_is_to_be_installed(self):
        from UNetSegmentPlugin.installing import environment

        installed = []
        with (
            mock.patch.object(environment, "torch_extension_available", lambda: False),
            mock.patch.object(environment, "missing_packages", lambda: ["safetensors>=0.4"]),
            mock.patch.object(environment, "_version", lambda name: "2.13.0"),
            mock.patch.object(environment, "_pip_install", installed.append),
        ):
            self.assertEqual(environment.install(), "")
            self.assertEqual(installed, [["safetensors>=0.4"]])
            remark = environment.install(anew=True)
        self.assertIn("PyTorch itself was left as it is", remark)

    def test_a_broken_torch_offers_repair(self):
        self.break_torch("broken")
        text = self.setup.ui.setupLabel.text
        self.assertIn("libcudart", text)
        self.assertIn("Repair", text)
        self.panel.advanced.ui.copyDiagnosticsButton.click()
        self.assertIn("libcudart", slicer.app.clipboard().text())

    def test_a_torch_that_kills_its_process_offers_repair(self):
        self.break_torch("fatal")
        self.assertEqual(self.setup.problem.code, "worker-crashed")
        self.assertIn("ended before it was ready", self.setup.ui.setupLabel.text)
        self.assertIn("Repair", self.setup.ui.setupLabel.text)
        self.assertFalse(self.panel.run.ui.segmentButton.enabled)

    def test_install_without_the_pytorch_extension_says_what_to_do(self):
        from UNetSegmentPlugin.installing import environment

        with (
            mock.patch.object(environment, "missing_packages", lambda: []),
            mock.patch.object(environment, "torch_extension_available", lambda: False),
            mock.patch.object(environment, "_version", lambda name: "not installed"),
        ):
            self.setup.ui.installButton.click()
        self.assertIn("extension 'PyTorch'", self.setup.ui.setupLabel.text)
        self.assertIn("Extensions Manager", self.setup.ui.setupLabel.text)

    def test_install_goes_through_slicer_and_the_pytorch_extension_and_then_tests_itself(self):
        from UNetSegmentPlugin.installing import environment

        calls = []

        class Logic:
            def installTorch(self, **options):  # noqa: N802
                calls.append(("torch", options))
                return object()

        extension = types.ModuleType("PyTorchUtils")
        extension.PyTorchUtilsLogic = Logic
        with (
            mock.patch.dict(sys.modules, {"PyTorchUtils": extension}),
            mock.patch.object(environment, "torch_extension_available", lambda: True),
            mock.patch.object(environment, "missing_packages", lambda: ["safetensors>=0.4"]),
            mock.patch.object(environment, "_version", lambda name: "not installed"),
            mock.patch.object(slicer.packaging, "pip_install", lambda what, **options: calls.append((what, options))),
        ):
            self.setup.ui.installButton.click()
        self.assertEqual(calls[0], (["safetensors>=0.4"], {"requester": "UNetSegment"}))
        self.assertEqual(calls[1], ("torch", {"askConfirmation": False, "torchVersionRequirement": ">=2.6"}))
        support.wait_until(lambda: "Self-test" in self.setup.ui.setupLabel.text, 10, "the self-test to start")
        support.wait_until(lambda: "Self-test passed" in self.setup.ui.setupLabel.text, 240, "the self-test to pass")

    def test_openvino_is_offered_and_installed_on_the_click_only(self):
        from UNetSegmentPlugin.installing import environment

        calls = []
        button = self.setup.ui.openvinoButton
        with (
            mock.patch.object(environment, "openvino_is_missing", lambda: not calls),
            mock.patch.object(slicer.packaging, "pip_install", lambda what, **options: calls.append((what, options))),
        ):
            self.panel.refresh()
            self.assertFalse(button.isVisibleTo(self.setup.root))
            self.panel.advanced.ui.showSetupButton.click()
            self.assertTrue(button.isVisibleTo(self.setup.root))
            self.assertEqual(calls, [])
            button.click()
            support.wait_until(lambda: "Self-test passed" in self.setup.ui.setupLabel.text, 240, "the self-test")
            self.assertFalse(button.isVisibleTo(self.setup.root))
        self.assertEqual(calls, [([environment.OPENVINO_REQUIREMENT], {"requester": "UNetSegment"})])

    def test_a_failed_download_is_told_in_words(self):
        from UNetSegmentPlugin.installing import environment

        def fail(what, **options):
            raise RuntimeError("no route to host")

        with (
            mock.patch.object(environment, "missing_packages", lambda: ["safetensors>=0.4"]),
            mock.patch.object(slicer.packaging, "pip_install", fail),
        ):
            self.setup.ui.installButton.click()
        self.assertIn("no route to host", self.setup.ui.setupLabel.text)
        self.assertIn("proxy", self.setup.ui.setupLabel.text)
        self.assertTrue(self.setup.ui.installButton.enabled)

    def test_requirements_leave_torch_to_the_extension(self):
        from UNetSegmentPlugin.installing import environment

        names = [
            requirement.name for requirement in slicer.packaging.load_requirements(environment.requirements_file())
        ]
        self.assertEqual(sorted(names), ["SimpleITK", "safetensors"])
