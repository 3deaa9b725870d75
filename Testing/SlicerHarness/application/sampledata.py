"""The module ``SampleData`` without a network: it registers sources, and loads files a test has put in ``files``."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any

files: dict[str, str] = {}
"""Local path by URI."""


@dataclass
class SampleDataSource:
    """One registered sample."""

    sampleName: str | None = None
    uris: Any = None
    fileNames: Any = None
    nodeNames: Any = None
    checksums: Any = None
    loadFiles: Any = None
    customDownloader: Any = None
    thumbnailFileName: str | None = None
    loadFileTypes: Any = None
    loadFileProperties: Any = None


class SampleDataLogic:
    """Registers samples and loads them."""

    @staticmethod
    def registerCustomSampleDataSource(
        category="Custom",
        sampleName=None,
        uris=None,
        fileNames=None,
        nodeNames=None,
        customDownloader=None,
        thumbnailFileName=None,
        loadFileTypes=None,
        loadFiles=None,
        loadFileProperties=None,
        checksums=None,
        loadFileType=None,
    ):
        import slicer

        source = SampleDataSource(
            sampleName=sampleName,
            uris=uris,
            fileNames=fileNames,
            nodeNames=nodeNames,
            checksums=checksums,
            loadFiles=loadFiles,
            customDownloader=customDownloader,
            thumbnailFileName=thumbnailFileName,
            loadFileTypes=loadFileTypes or loadFileType,
            loadFileProperties=loadFileProperties,
        )
        slicer.modules.sampleDataSources.setdefault(category, []).append(source)

    def downloadFromURL(
        self,
        uris=None,
        fileNames=None,
        nodeNames=None,
        checksums=None,
        loadFiles=None,
        customDownloader=None,
        loadFileTypes=None,
        loadFileProperties=None,
        forceDownload=False,
    ):
        import slicer

        uris, nodeNames = ([item] if isinstance(item, str) else item for item in (uris, nodeNames))
        if any(uri not in files for uri in uris):
            words = f"the harness downloads nothing: put {uris} into SlicerHarness.application.sampledata.files"
            raise ValueError(words)
        return [
            slicer.util.loadVolume(files[uri], properties={"name": name})
            for uri, name in zip(uris, nodeNames, strict=True)
        ]

    def downloadSamples(self, sampleName):
        import slicer

        every = (source for sources in slicer.modules.sampleDataSources.values() for source in sources)
        source = next(s for s in every if s.sampleName == sampleName)
        if source.customDownloader is not None:
            return source.customDownloader(source)
        return self.downloadFromURL(source.uris, source.fileNames, source.nodeNames, source.checksums)


def make_module() -> types.ModuleType:
    """Build ``SampleData``."""
    module = types.ModuleType("SampleData", __doc__)
    module.SampleDataLogic, module.SampleDataSource = SampleDataLogic, SampleDataSource
    return module
