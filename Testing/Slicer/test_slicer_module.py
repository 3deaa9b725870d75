"""The module as Slicer sees it: quick to import, complete, clean to leave."""

import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import slicer
import support

MODULE_FOLDER = support.REPOSITORY / "UNetSegment"


class ModuleTest(support.SlicerTestCase):
    def test_it_is_a_module_with_title_category_and_help(self):
        module = slicer.util.getModule(support.MODULE)
        self.assertEqual(module.title, "UNetSegment")
        self.assertEqual(list(module.categories), ["Segmentation"])

    def test_logic_is_reached_as_the_documentation_says(self):
        logic = slicer.util.getModuleLogic(support.MODULE)
        self.assertTrue(callable(logic.segment))
        self.assertIs(logic, support.panel().logic)

    def test_importing_the_module_file_takes_less_than_0_3_s_and_no_torch(self):
        """In a Python of its own, with stand-ins for the application's modules, so that only our code is counted."""
        code = """
import sys, time, types
from unittest import mock
for name in ("slicer", "slicer.i18n", "slicer.ScriptedLoadableModule", "qt", "ctk", "vtk"):
    sys.modules[name] = mock.MagicMock()
base = type("Base", (), {})
for name in ("", "Widget", "Logic", "Test"):
    setattr(sys.modules["slicer.ScriptedLoadableModule"], "ScriptedLoadableModule" + name, base)
sys.path.insert(0, FOLDER)
start = time.perf_counter()
import UNetSegment
print(time.perf_counter() - start)
print([name for name in ("torch", "numpy", "SimpleITK", "UNetSegmentLib", "UNetSegmentPlugin") if name in sys.modules])
""".replace("FOLDER", repr(str(MODULE_FOLDER)))
        result = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True, timeout=60
        )
        seconds, loaded = result.stdout.strip().splitlines()
        print(f"\nimport of UNetSegment.py: {float(seconds) * 1000:.1f} ms")
        self.assertLess(float(seconds), 0.3)
        self.assertEqual(loaded, "[]")

    def test_the_panel_needs_no_torch_and_no_simpleitk(self):
        code = (
            "import sys; sys.path.insert(0, FOLDER)\n"
            "from UNetSegmentLib.models import list_models; list_models()\n"
            "import UNetSegmentLib.worker.client.client, UNetSegmentLib.reporting\n"
            "UNetSegmentLib.reporting.measure\n"
            "assert 'torch' not in sys.modules and 'SimpleITK' not in sys.modules, sorted(sys.modules)\n"
        ).replace("FOLDER", repr(str(support.REPOSITORY)))
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

    def test_files_import_nothing_but_what_slicer_has_at_file_scope(self):
        ours = {"UNetSegmentLib", "UNetSegmentPlugin"}
        allowed = {*sys.stdlib_module_names, "slicer", "vtk", "qt", "ctk", "numpy", *ours}
        for path in [MODULE_FOLDER / "UNetSegment.py", *(MODULE_FOLDER / "UNetSegmentPlugin").glob("*.py")]:
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.level == 0:
                    names = [node.module]
                for name in names:
                    self.assertIn(name.split(".")[0], allowed, f"{path.name} imports {name}")

    def test_no_popups_in_the_module(self):
        """Messages belong on the panel. What is left is in questions.py: is this program trusted, may this go?"""
        for path in (MODULE_FOLDER / "UNetSegmentPlugin").glob("*.py"):
            if path.name == "questions.py":
                continue
            text = path.read_text(encoding="utf-8")
            for name in ("errorDisplay", "warningDisplay", "infoDisplay", "QMessageBox", "confirmOkCancelDisplay"):
                self.assertNotIn(name, text, path.name)

    def test_every_file_is_small(self):
        for path in [MODULE_FOLDER / "UNetSegment.py", *(MODULE_FOLDER / "UNetSegmentPlugin").glob("*.py")]:
            text = path.read_text(encoding="utf-8")
            self.assertLessEqual(len(text.splitlines()), 400, path.name)
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef):
                    self.assertLessEqual(node.end_lineno - node.lineno + 1, 60, f"{path.name}: {node.name}")

    def test_sample_data_is_registered_with_a_checksum(self):
        from UNetSegmentPlugin.scene import samples

        self.assertRegex(samples.CHECKSUM, r"^SHA256:[0-9a-f]{64}$")
        self.assertTrue(samples.URI.startswith("https://"))
        regions = samples.add_regions()
        self.assertEqual([node.GetName() for node in regions], ["Left hippocampus", "Right hippocampus"])
        self.assertLess(regions[0].GetCenter()[0], 0)

    def test_closing_leaves_no_process_behind(self):
        from UNetSegmentLib.worker.processes import alive

        support.enter()
        runner = support.panel().panel.runner
        support.wait_until(lambda: runner.process_id is not None, 60, "the worker")
        pid = runner.process_id
        self.assertTrue(alive(pid))
        runner.shutdown()
        support.wait_until(lambda: not alive(pid), 10, "the worker to end")
        support.leave()
        self.assertEqual(list(Path(tempfile.gettempdir()).glob(f"unetsegment-*-{os.getpid()}-*")), [])
