"""A cohort from an archive and back: starts an Orthanc of its own, segments what is in it, shows what is stored.

    python Testing/Demos/pacs.py

Needs Orthanc with its DICOMweb plugin (Debian: orthanc, orthanc-dicomweb); says so and ends well where there is none.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Core" / "pacs"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Core" / "io" / "dicom"))

import pydicom
from level_model import save_level_model
from orthanc import USER, Orthanc, missing_orthanc
from pacs_series import save_levels


def main() -> int:
    if reason := missing_orthanc():
        print(f"{reason}; nothing is shown.")
        return 0
    with tempfile.TemporaryDirectory(prefix="pacs-") as scratch:
        folder = Path(scratch)
        (folder / "orthanc").mkdir()
        model = save_level_model(folder / "levels")
        for number in range(3):
            save_levels(folder / "studies" / str(number), number)
        save_levels(folder / "studies" / "scout", 3, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
        with Orthanc(folder / "orthanc") as orthanc:
            orthanc.upload(folder / "studies")
            command = [sys.executable, "-m", "UNetSegmentLib.cli", "batch", "-m", str(model)]
            command += ["-o", str(folder / "results"), "--dicomweb", f"{orthanc.address}/dicom-web", "--user", USER]
            command += ["--password-file", str(orthanc.password_file()), "--query", "ModalitiesInStudy=CT"]
            code = 0
            for more in (["--dry-run"], ["--store"], ["--store"]):
                print(f"\n$ unetsegment {' '.join([*command[3:], *more])}".replace(scratch, ""), flush=True)
                code = code or subprocess.run([*command, *more]).returncode
            print("\nWhat the archive has now:")
            for modality in ("CT", "SEG", "SR"):
                files = [pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True) for data in orthanc.files(modality)]
                print(f"  {modality}: {len(files)} instances in {len({one.SeriesInstanceUID for one in files})} series")
    return code


if __name__ == "__main__":
    sys.exit(main())
