"""A folder as strangers send it, and a disk that is full in the middle: what a cohort run makes of both.

``python Testing/Demos/strangers_cohort.py OUT`` builds ``OUT/in`` of real hippocampi of ``../shared/data`` and one
broken file of each kind, runs the bundled model on it with the results inside that folder, prints the table, and
pictures the page in Chromium where that is installed (``OUT/page.png``, ``page-dark.png``, ``page.pdf``). Then the same
model writes to a disk of 1 MB until that is full, and goes on when it is larger. Exits with 1 when a broken file has no
row with cause and cure, a good one is not done, or the full disk costs more than the case that met it. POSIX only.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing" / "Core" / "cohort")]

from demo_tools import claim, environment, fresh  # noqa: E402
from strangers import Stranger, build  # noqa: E402

DATA = ROOT.parent / "shared" / "data"
OBJECTS = {
    "a segmentation among images": DATA / "dicom_objects" / "liver.dcm",
    "a report among images": DATA / "dicom_objects" / "sr-example" / "sr.dcm",
    "a value map among images": DATA / "dicom_objects" / "sr-example" / "rwvm.dcm",
}
GOOD = ("in-hippocampus_001", "again-hippocampus_001", "hippocampus_003", "line-break", "brain", "no-utf8-xff-xfe")
_BATCH = [sys.executable, "-m", "UNetSegmentLib.cli", "batch"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="OUT")
    folder: Path = parser.parse_args().folder.absolute()
    _open_all(folder)
    fresh(folder)
    images = sorted((DATA / "msd_hippocampus" / "images").glob("*.nii.gz"))
    kinds = build(folder / "in", images[:2], OBJECTS)
    output = folder / "in" / "results"
    print("$ unetsegment batch in -o in/results -m hippocampus-t1\n", flush=True)
    command = [*_obedient(), *_BATCH, "in", "-o", "in/results", "-m", "hippocampus-t1"]
    code = subprocess.run(command, cwd=folder, env=environment(), check=False).returncode
    claim("the run ends well", code == 0)
    rows = table(output)
    show(rows)
    judge(rows, kinds, folder / "in")
    picture(output / "report.html", folder)
    full_disk(folder, images[:12])
    _open_all(folder)


def show(rows: list[dict[str, str]]) -> None:
    print()
    for row in rows:
        words = f"{row['cause']} {row['cure']}" if row["cause"] else f"done in {row['seconds']} s  {row['warnings']}"
        print(f"{row['status']:<9} {row['case'][:38]:<38} {words[:230]}")
    print()


def judge(rows: list[dict[str, str]], kinds: list[Stranger], inputs: Path) -> None:
    forbidden = bool(_obedient()) or os.geteuid() != 0
    for kind in kinds:
        if not forbidden and kind.path in ("closed", "secret.nii.gz"):
            print(f"NOT SHOWN: {kind.what}: root may read everything here")
            continue
        claim(f"{kind.what}: a row with cause and cure", any(_tells(row, inputs, kind.path) for row in rows))
    done = {row["case"] for row in rows if row["status"] == "done"}
    claim("the good ones are done, whatever they are called", set(GOOD) <= done)
    claim("no defect of ours is among the causes", "unexpected" not in {row["code"] for row in rows})
    claim("the results inside the input are no cases", not any("results" in row["inputs"] for row in rows))


def _tells(row: dict[str, str], inputs: Path, path: str) -> bool:
    """Whether a row speaks of a path, which the table has as it was typed or whole."""
    named = str(inputs / path) in row["inputs"] or f"in/{path}" in row["inputs"]
    return named and row["status"] != "done" and bool(row["cause"] and row["cure"])


def picture(page: Path, folder: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print("NOT SHOWN: no Chromium is installed, so the page is not pictured")
        return
    common = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    common += [f"--user-data-dir={folder / 'browser'}", "--window-size=1400,2600"]
    for name, options in (
        ("page.png", []),
        ("page-dark.png", ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"]),
    ):
        subprocess.run(
            [*common, *options, f"--screenshot={folder / name}", page.as_uri()], check=True, capture_output=True
        )
    subprocess.run([*common, f"--print-to-pdf={folder / 'page.pdf'}", page.as_uri()], check=True, capture_output=True)
    shutil.rmtree(folder / "browser", ignore_errors=True)
    claim("the page is pictured: page.png, page-dark.png, page.pdf", (folder / "page.png").is_file())


def full_disk(folder: Path, images: list[Path]) -> None:
    """A disk of 1 MB that becomes larger; nothing where none can be made."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        print("NOT SHOWN: no disk of 1 MB can be made here, which needs root")
        return
    try:
        print("\n$ unetsegment batch ... -o disk/out, on a disk of 1 MB", flush=True)
        command = [*_BATCH, *map(str, images), "-o", str(disk / "out"), "-m", "hippocampus-t1"]
        code = subprocess.run(command, env=environment(), check=False).returncode
        whole = [path for path in (disk / "out").iterdir() if path.is_dir() and not path.name.startswith(".")]
        claim(f"a full disk ends the run with 5; {len(whole)} cases are there, whole", code == 5 and bool(whole))
        claim("each of them has its case.json", all((path / "case.json").stat().st_size for path in whole))
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        print("\n$ the same, on a disk of 64 MB", flush=True)
        code = subprocess.run(command, env=environment(), check=False).returncode
        done = [row for row in table(disk / "out") if row["status"] == "done"]
        claim(f"the next run goes on: {len(done)} of {len(images)} are done", code == 0 and len(done) == len(images))
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def table(output: Path) -> list[dict[str, str]]:
    with (output / "cases.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _obedient() -> list[str]:
    """What makes root obey permissions: without the capabilities by which it overrides them."""
    if os.geteuid() or shutil.which("setpriv") is None:
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]


def _open_all(folder: Path) -> None:
    """Lets the folder that nobody may list be removed."""
    closed = folder / "in" / "closed"
    if closed.is_dir():
        closed.chmod(0o700)


if __name__ == "__main__":
    main()
