"""A MONAI bundle as a source of an import."""

from __future__ import annotations

from collections.abc import Sequence

from ....errors import ModelError, TrustError
from ..archive import SourceFiles
from ..imported import Imported, ImportOptions
from .bundle import Bundle, bundle_folders, open_bundle
from .plan import Plan, opaque, plan_bundle

_SCRIPT = "models/model.ts"


def matches(files: SourceFiles) -> bool:
    """Whether there is a bundle: a ``configs/metadata.json``, at the top or further down."""
    return bool(bundle_folders(files))


def read(files: SourceFiles, options: ImportOptions) -> Sequence[Imported]:
    """The bundle's model in our terms.

    Its ``models/model.ts`` (a program) is used only where there is no checkpoint, and on the user's word.

    Raises:
        ModelError: a part of it is not supported, by name; or it is broken or hostile.
        DependencyError: its configuration is YAML, and PyYAML is not installed.
    """
    bundle = open_bundle(files)
    plan = plan_bundle(bundle)
    checkpoint = f"models/{options.checkpoint}" if options.checkpoint else plan.checkpoint
    if bundle.files.has(checkpoint):
        return [_native(bundle, plan, checkpoint)]
    if bundle.files.has(_SCRIPT) and not options.checkpoint:
        return [_script(bundle, plan, options)]
    there = [name for name in bundle.files.names() if name.startswith("models/")]
    raise ModelError(
        f"The MONAI bundle '{bundle.name}' lacks its weights ({checkpoint}).",
        "Download the bundle with its large files: they are kept apart from its configuration (large_files.yml).",
        f"in its folder 'models': {', '.join(there[:10]) or 'nothing'}",
    )


def _native(bundle: Bundle, plan: Plan, checkpoint: str) -> Imported:
    from ..checkpoint import load_checkpoint
    from .weights import convert

    state = load_checkpoint(bundle.files.local(checkpoint), checkpoint)
    return Imported(plan.card, [convert(state, plan.key, plan.mapped, plan.outputs)])


def _script(bundle: Bundle, plan: Plan, options: ImportOptions) -> Imported:
    if not options.trust:
        raise TrustError(
            f"The MONAI bundle '{bundle.name}' has a program (model.ts) and no checkpoint; a program has your rights.",
            "Download its model.pt, or, if you trust where it comes from, import it again with --trust.",
        )
    if plan.outputs != tuple(range(len(plan.outputs))):
        raise ModelError(
            f"The program of the MONAI bundle '{bundle.name}' has regions in another order than they are painted.",
            "Download its checkpoint (models/model.pt), which can be brought into order.",
        )
    return Imported(opaque(plan.card, plan.card.network.divisor), [bundle.files.local(_SCRIPT)])
