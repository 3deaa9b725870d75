"""The student: the teacher's contract with a network of as many operations as are wanted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ...errors import InputError, ModelError
from ...models.card import ModelCard, Preparation
from ...models.validation import MAX_NAME
from ...networks.architectures import check_config
from ...networks.config import NetworkConfig, OpaqueNetwork
from ...networks.costs import cost
from ...networks.parts.light import LIGHT_ENCODERS, light_features
from ...training.planning.topology import topology_of
from ...training.planning.variants import make_network
from .recipe import DistillationRecipe

SUFFIX = "-student"
# How far above the wanted share a student may lie: widths come in steps.
_TOLERANCE = 1.02
_SCALES = 200
# Processors compute 8 or 16 channels at once; under 32 channels steps of 8 would leave few choices.
_FINE, _COARSE, _WIDE = 4, 8, 32
_REFERENCE_FEATURES = 32
_GROUPS = 8

Patch = tuple[int, int, int]


@dataclass(frozen=True)
class Student:
    """A planned student.

    Args:
        card: with its network, spacing and patch.
        operations: share of the teacher's floating-point operations for the same volume.
        parameters: share of one of the teacher's networks; 0 where that is not known.
        notes: what was chosen, in sentences.
    """

    card: ModelCard
    operations: float
    parameters: float
    notes: tuple[str, ...] = ()


def plan_student(teacher: ModelCard, recipe: DistillationRecipe) -> Student:
    """The student whose share of operations is the nearest to the wanted one, and at most 2 % above it.

    All stages keep about the same part of the teacher's features, in multiples of 4, from 32 on of 8. Of a teacher
    whose network is no description of ours the student is a plain U-Net for its patch.

    Raises:
        InputError: no student of that kind is as small as that, with the smallest that there is; or there is no such
            encoder.
    """
    preparation, patch = _coarser(teacher, recipe.spacing_scale)
    base, reference, notes = _base(teacher, recipe)
    volume = _volume(teacher.preparation.spacing, teacher.inference.patch, teacher.network.dimension)
    own_volume = _volume(preparation.spacing, patch, teacher.network.dimension)
    search = _Search(recipe.size, patch, reference[0] / volume * own_volume)
    search.among([network for network in _candidates(base, recipe) if _works(network)])
    if search.best is not None and recipe.encoder is None:
        _widen(search, base)
    if search.best is None:
        raise InputError(
            f"No student of '{teacher.name}' does with {recipe.size:.1%} of its operations; the smallest of this kind "
            f"takes {search.least:.1%}.",
            "Give a larger size, a coarser spacing, or another encoder.",
        )
    share, network = search.best
    card = replace(
        teacher,
        name=f"{teacher.name.removesuffix(SUFFIX)[: MAX_NAME - len(SUFFIX)]}{SUFFIX}",
        network=network,
        preparation=preparation,
        inference=replace(teacher.inference, patch=patch),
        accuracy=(),
        accuracy_command="",
        source="",
        forms=(),
        weights=("weights.safetensors",),
        digests={},
    )
    parameters = cost(network, patch).parameters / reference[1] if reference[1] else 0.0
    notes = (*notes, f"The student has the features {network.features}: {share:.1%} of the teacher's operations.")
    return Student(card, share, parameters, notes)


class _Search:
    """The best network so far.

    Args:
        size: the wanted share.
        patch: of the student.
        full: the teacher's operations for the volume of that patch.
    """

    def __init__(self, size: float, patch: Patch, full: float) -> None:
        self.size, self.patch, self.full = size, patch, full
        self.best: tuple[float, NetworkConfig] | None = None
        self.least = math.inf

    def among(self, networks: Sequence[NetworkConfig]) -> None:
        """Takes the best of networks that grow from one to the next, by halving."""
        if not networks:
            return
        self.least = self.look_at(networks[0])
        low, high = 0, len(networks)
        while high - low > 1:
            middle = (low + high) // 2
            fits = self.look_at(networks[middle]) <= self.size * _TOLERANCE
            low, high = (middle, high) if fits else (low, middle)

    def look_at(self, network: NetworkConfig) -> float:
        """Takes a network that is nearer to the wanted size; returns its share."""
        share = cost(network, self.patch).flops / self.full
        nearer = self.best is None or abs(share - self.size) < abs(self.best[0] - self.size)
        if share <= self.size * _TOLERANCE and nearer:
            self.best = share, network
        return share


def _works(network: NetworkConfig) -> bool:
    """Whether all parts can have these widths."""
    if network.encoder == "transformer" and network.features[-1] % network.transformer_heads:
        return False
    try:
        check_config(network)
    except ModelError:
        return False
    return True


def _widen(search: _Search, base: NetworkConfig) -> None:
    """Single stages made one step wider, as long as that comes nearer to the wanted size."""
    found = None
    while search.best is not None and search.best is not found:
        found = search.best
        for stage, count in enumerate(found[1].features):
            wider = count + (_COARSE if count >= _WIDE else _FINE)
            if wider <= base.features[stage]:
                features = (*found[1].features[:stage], wider, *found[1].features[stage + 1 :])
                network = _narrow(found[1], features, found[1].stem_channels)
                if _works(network):
                    search.look_at(network)


def _narrow(base: NetworkConfig, features: tuple[int, ...], stem: int | None) -> NetworkConfig:
    return replace(base, features=features, stem_channels=stem, norm_groups=math.gcd(_GROUPS, *features))


def _base(teacher: ModelCard, recipe: DistillationRecipe) -> tuple[NetworkConfig, tuple[int, int], tuple[str, ...]]:
    """The network that is to be narrowed, operations and parameters of the teacher's, and notes."""
    own, patch = teacher.network, teacher.inference.patch
    notes: tuple[str, ...] = ()
    if isinstance(own, NetworkConfig):
        base = own
    else:
        base = _plain(teacher)
        notes += ("The teacher's network is no description of ours; its student is a plain U-Net for the same patch.",)
    if isinstance(own, OpaqueNetwork):
        notes += ("What it computes is not known either: the size is a share of a plain U-Net of 32 features.",)
        reference = cost(base, patch).flops, 0
    else:
        reference = cost(own, patch).flops, cost(own, patch).parameters
    base = replace(
        base,
        norm=recipe.norm,
        norm_affine=True,
        decoder_features=None,
        deep_supervision=base.stages > 2,
    )
    return base, reference, notes


def _plain(teacher: ModelCard) -> NetworkConfig:
    network, dimension = teacher.network, teacher.network.dimension
    spacing = [value or 1.0 for value in teacher.preparation.spacing or (1.0, 1.0, 1.0)]
    topology = topology_of(teacher.inference.patch[-dimension:], spacing[-dimension:])
    return make_network("unet", topology, network.in_channels, network.out_channels, _REFERENCE_FEATURES)


def _candidates(base: NetworkConfig, recipe: DistillationRecipe) -> Iterator[NetworkConfig]:
    """Every narrower network, each once."""
    if recipe.encoder is not None:
        yield from _light(base, recipe.encoder)
        return
    seen = set()
    for step in range(1, _SCALES + 1):
        features = _scaled(base.features, step / _SCALES)
        if features in seen:
            continue
        seen.add(features)
        stem = None if base.stem_channels is None else _scaled((base.stem_channels,), step / _SCALES)[0]
        yield _narrow(base, features, stem)


def _light(base: NetworkConfig, encoder: str) -> Iterator[NetworkConfig]:
    if encoder not in LIGHT_ENCODERS:
        raise InputError(f"There is no light encoder '{encoder}'.", f"Known are: {', '.join(LIGHT_ENCODERS)}.")
    for first in range(_FINE, max(base.features[0], _FINE) + 1, _FINE):
        features = light_features(encoder, first)
        dimension, stages = base.dimension, len(features)
        yield replace(
            base,
            encoder=encoder,
            features=features,
            kernels=((3,) * dimension,) * stages,
            strides=((1,) * dimension, *((2,) * dimension,) * (stages - 1)),
            encoder_convs=(1,) * stages,
            decoder_convs=(1,) * (stages - 1),
            decoder_kernels=None,
            stem_channels=None,
            norm_groups=math.gcd(_GROUPS, *features),
        )


def _scaled(features: Sequence[int], scale: float) -> tuple[int, ...]:
    result = []
    for count in features:
        wanted = count * scale
        multiple = _COARSE if wanted >= _WIDE else _FINE
        result.append(min(max(round(wanted / multiple), 1) * multiple, max(count, _FINE)))
    return tuple(result)


def _coarser(teacher: ModelCard, scale: float) -> tuple[Preparation, Patch]:
    """Preparation and patch of a student with larger voxels, over about the same volume."""
    preparation, patch = teacher.preparation, teacher.inference.patch
    if scale == 1:
        return preparation, patch
    if preparation.spacing is None:
        raise InputError(
            f"'{teacher.name}' takes images as they are, so there is no spacing that could be coarser.",
            "Leave spacing_scale at 1.",
        )
    flat = teacher.network.dimension == 2
    factors = (1.0 if flat else scale, scale, scale)
    first, *rest = preparation.spacing
    divisor = ((1,) if flat else ()) + tuple(teacher.network.divisor)
    z, y, x = (max(round(n / f / d), 1) * d for n, f, d in zip(patch, factors, divisor, strict=True))
    spacing = (None if first is None else first * factors[0], rest[0] * scale, rest[1] * scale)
    return replace(preparation, spacing=spacing), (z, y, x)


def _volume(spacing: Sequence[float | None] | None, patch: Sequence[int], dimension: int) -> float:
    """Of a patch, in mm^3 (mm^2 in 2D); in voxels where the card leaves the spacing open."""
    sizes = [1.0 if value is None else value for value in spacing or (1.0, 1.0, 1.0)]
    return math.prod(n * s for n, s in zip(patch[-dimension:], sizes[-dimension:], strict=True))
