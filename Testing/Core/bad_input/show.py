"""Prints the message of every bad input: ``python Testing/Core/bad_input/show.py`` from the checkout's root."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing"), str(Path(__file__).parent)]


def main() -> None:
    from bad_compressions import BAD_COMPRESSIONS
    from bad_exports import BAD_EXPORTS
    from bad_inputs import BAD_INPUTS, Place
    from bad_prompts import BAD_PROMPTS
    from level_model import save_level_model
    from typer.testing import CliRunner

    from UNetSegmentLib.cli.app import app

    with tempfile.TemporaryDirectory() as scratch:
        package = save_level_model(Path(scratch) / "levels")
        for number, bad in enumerate([*BAD_INPUTS, *BAD_PROMPTS, *BAD_EXPORTS, *BAD_COMPRESSIONS]):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            result = CliRunner().invoke(app, bad.command(Place(folder, package)))
            print(f"## {bad.name} (exit {result.exit_code})\n{result.stderr.strip()}\n".replace(scratch, ""))


if __name__ == "__main__":
    main()
