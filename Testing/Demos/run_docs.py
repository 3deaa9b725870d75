"""Runs the commands of README and the pages, each page in a folder of its own with stand-ins for the reader's files.

    python Testing/Demos/run_docs.py                 # all of them: several minutes
    python Testing/Demos/run_docs.py README.md       # those of one page
    python Testing/Demos/run_docs.py --list          # which are run, and why the others are not

What is not run is printed with the reason; documented.SKIPPED holds the rule. Ends with 1 when a command fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from documented import PAGES, REPOSITORY, Command, commands
from stand_ins import make_stand_ins

COMMAND = [sys.executable, "-m", "UNetSegmentLib.cli"]
LONGEST = 600


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", help="paths of pages in the repository; all by default")
    parser.add_argument("--list", action="store_true", help="run nothing")
    asked = parser.parse_args()
    chosen = [command for command in commands() if not asked.pages or command.page in asked.pages]
    unknown = sorted(set(asked.pages) - set(PAGES))
    if unknown:
        parser.error(f"no such page: {', '.join(unknown)}")
    failed = 0
    for page in dict.fromkeys(command.page for command in chosen):
        failed += _page(page, [command for command in chosen if command.page == page], asked.list)
    if not asked.list:
        ran = sum(not command.skipped for command in chosen)
        print(f"\n{ran} of {len(chosen)} commands run, {failed} failed.")
    return 1 if failed else 0


def _page(page: str, chosen: Iterable[Command], listed: bool) -> int:
    """How many commands of a page failed."""
    print(f"\n# {page}")
    failed = 0
    with tempfile.TemporaryDirectory(prefix="docs-") as scratch:
        folder = Path(scratch) / "work"
        if not listed and any(not command.skipped for command in chosen):
            make_stand_ins(folder, [name for command in chosen if not command.skipped for name in command.files])
        for command in chosen:
            if command.skipped:
                print(f"skipped  {command.line:4}  {command.shown}\n               ({command.skipped})")
            elif listed:
                print(f"run      {command.line:4}  {command.shown}")
            else:
                failed += not run(command, folder)
    return failed


def run(command: Command, folder: Path) -> bool:
    """Whether the command ended well; prints what it said when it did not."""
    began = time.monotonic()
    words = command.words
    launcher = {
        "unetsegment": COMMAND,
        "python": [sys.executable],
        "torchrun": [sys.executable, "-m", "torch.distributed.run"],
    }
    done = subprocess.run(
        [*launcher[words[0]], *words[1:]],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=LONGEST,
        check=False,
    )
    well = done.returncode == 0
    print(
        f"{'done' if well else 'FAILED':8} {command.line:4}  {command.shown}  [{time.monotonic() - began:.0f} s]",
        flush=True,
    )
    if not well:
        print(f"exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    return well


def environment(folder: Path) -> dict[str, str]:
    """The checkout's package, one thread, and a home of its own: the user's models stay as they are."""
    home = folder.parent / "home"
    homes = {name: str(home) for name in ("HOME", "USERPROFILE", "LOCALAPPDATA")}
    xdg = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("DATA", "CACHE", "STATE", "CONFIG")}
    return {**os.environ, **homes, **xdg, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "COLUMNS": "120"}


if __name__ == "__main__":
    sys.exit(main())
