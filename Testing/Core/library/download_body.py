"""What the tests of downloads share."""

from __future__ import annotations

from pathlib import Path

from web import archive

from UNetSegmentLib.models.library.cache import cache_contents

BODY = archive(padding=200_000)


def no_download_left(folder: Path) -> bool:
    return not [file for file in cache_contents(folder) if file.complete]
