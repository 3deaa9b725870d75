from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "io" / folder) for folder in ("dicom_objects", "dicom")]
