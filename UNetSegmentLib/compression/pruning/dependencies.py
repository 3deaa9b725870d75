"""Which channels of a network of the family must go together, from its description alone.

Every part of the family has its rule here; a network with a part that has none is refused, so that nothing is ever cut
by a guess. What a rule says is checked by the tests: a network without some channels answers as the whole one with
these channels set to zero.
"""

from __future__ import annotations

from ...errors import ModelError
from ...networks.config import AnyNetwork, NetworkConfig
from ...networks.parts.light import LIGHT_ENCODERS
from .spaces import Axes, ChannelSpaces, Projection, Space, Widths

BLOCKS = ("plain", "plain-squeeze", "residual", "residual-squeeze", "residual-strided")
SKIPS = ("concatenate", "add", "attention", "squeeze")
ENCODERS = ("unet", "transformer", *LIGHT_ENCODERS)
_LEAST_INNER = 4  # of squeeze and excitation


def check_prunable(config: AnyNetwork) -> None:
    """Refuses what no rule is known for.

    Raises:
        ModelError: saying what it is and what can be done instead.
    """
    if not isinstance(config, NetworkConfig):
        raise ModelError(
            f"A network of the kind '{config.architecture}' cannot be pruned: how its channels hang together is known "
            "for UNetSegment's own U-Nets (and imported nnU-Nets) only.",
            "Distil it into a smaller U-Net, or quantise it.",
        )
    if config.decoder == "nested":
        raise ModelError(
            "The nodes of a U-Net++ share their channels with every node of their row, so channels cannot be removed.",
            "Cut it at a shallower exit instead (--prune-exit).",
        )
    if config.norm == "group":
        raise ModelError(
            "The norm 'group' looks at several channels together, so none of them can be removed for itself.",
            "Distil the model into one with the norm 'instance' or 'batch'.",
        )
    parts: tuple[tuple[str, str, tuple[str, ...]], ...] = (
        ("block", config.block, BLOCKS),
        ("decoder's block", config.decoder_block or config.block, BLOCKS),
        ("skip connection", config.skip, SKIPS),
        ("encoder", config.encoder, ENCODERS),
        ("decoder", config.decoder, ("unet",)),
    )
    for kind, name, known in parts:
        if name not in known:
            raise ModelError(
                f"How the channels of the {kind} '{name}' hang together is not known, so it cannot be pruned.",
                f"Known are: {', '.join(known)}.",
            )


def channel_spaces(config: NetworkConfig) -> ChannelSpaces:
    """The spaces of a network.

    Raises:
        ModelError: see :func:`check_prunable`.
    """
    check_prunable(config)
    return _Rules(config).spaces()


class _Rules:
    """Goes through a network as its forward pass does, and notes each tensor."""

    def __init__(self, config: NetworkConfig) -> None:
        self.config = config
        self.found: dict[str, Space] = {}
        self.tensors: dict[str, Axes] = {}
        self.projections: list[Projection] = []
        self.same: dict[str, str] = {}
        decoder = config.decoder_features or config.features[:-1]
        self.full: Widths = {f"features.{stage}": width for stage, width in enumerate(config.features)}
        self.full |= {f"decoder.{stage}": width for stage, width in enumerate(decoder)}
        if config.stem_channels is not None:
            self.full["stem"] = config.stem_channels

    def spaces(self) -> ChannelSpaces:
        maps = self._encoder()
        decoded = self._decoder(maps)
        self.found["output"] = Space(self.config.out_channels, None)
        for level in range(len(decoded) if self.config.deep_supervision else 1):
            self._convolution(f"heads.{level}", (decoded[level],), "output", True)
        return ChannelSpaces(self.found, self.tensors, tuple(self.projections), self.full, self.same)

    def _encoder(self) -> list[str]:
        config = self.config
        self.found["input"] = Space(config.in_channels, None)
        if config.encoder in LIGHT_ENCODERS:
            full = self._stack("encoder.full", ("input",), "features.0", config.encoder_convs[0], False, "plain")
            # The levels have the widths of their name.
            for level, channels in enumerate(config.features[1:], start=1):
                self.found[f"level.{level}"] = Space(channels, None)
            return [full, *(f"level.{level}" for level in range(1, config.stages))]
        entering = "input"
        if config.stem_channels is not None:
            entering = self._stack("encoder.stem", ("input",), "stem", 1, False, "plain")
        maps: list[str] = []
        for stage, count in enumerate(config.encoder_convs):
            # The transformer's heads and positions count the channels of the last stage.
            fixed = config.encoder == "transformer" and stage == config.stages - 1
            width = None if fixed else f"features.{stage}"
            strided = max(config.strides[stage]) > 1
            entering = self._stack(f"encoder.stages.{stage}", (entering,), width, count, strided, config.block)
            maps.append(entering)
        return maps

    def _decoder(self, maps: list[str]) -> list[str]:
        """Names of the decoded maps, full resolution first."""
        config, decoded = self.config, [maps[-1]]
        block = config.decoder_block or config.block
        for level in reversed(range(config.stages - 1)):
            name, width, below = f"decoder.stages.{level}", f"decoder.{level}", decoded[0]
            joined = self._join(name, width, below, maps[level])
            decoded.insert(0, self._stack(f"{name}.blocks", joined, width, config.decoder_convs[level], False, block))
        return decoded[:-1]

    def _join(self, name: str, width: str, below: str, skipped: str) -> tuple[str, ...]:
        """The upsampling and the skip connection of a decoder stage; what the blocks after it read."""
        config, up = self.config, f"{name}.up"
        if config.skip == "add":
            # One sum: what is removed from one side is removed from the other.
            up = skipped
            self._tie(width, self.found[skipped].width)
        else:
            self.found[up] = Space(self.full[width], width)
        self._upsampling(f"{name}.up.conv", below, up)
        if config.skip == "add":
            return (skipped,)
        if config.skip == "squeeze":
            self._squeeze(f"{name}.skip.squeeze", skipped)
        if config.skip != "attention":
            return (up, skipped)
        gate = f"{name}.skip"
        inner, refined = f"{gate}.inner", f"{gate}.refine"
        self._inner(inner, skipped, 2, 1)
        self.found[refined] = self.found[skipped]
        self._convolution(f"{gate}.project_skip", (skipped,), inner, False)
        self._convolution(f"{gate}.project_gate", (below,), inner, True)
        self.tensors[f"{gate}.psi.0.weight"] = Axes(reads=(1, (inner,)))
        self._convolution(f"{gate}.refine.0", (skipped,), refined, config.bias)
        self._norm(f"{gate}.refine.1", refined)
        return (up, refined)

    def _stack(
        self, name: str, reads: tuple[str, ...], width: str | None, count: int, strided: bool, block: str
    ) -> str:
        """A row of blocks; the space that the last of them writes into."""
        for number in range(count):
            # A fixed width is that of the last encoder stage.
            channels = self.config.features[-1] if width is None else self.full[width]
            own = f"{name}.{number}"
            space = Space(channels, width)
            writes = self._block(own, reads, space, strided and number == 0, block)
            reads = (writes,)
        return reads[0]

    def _block(self, name: str, reads: tuple[str, ...], space: Space, strided: bool, block: str) -> str:
        writes = name
        if block.startswith("plain"):
            self.found[name] = space
            self._unit(name, reads, name)
        else:
            writes = self._residual(name, reads, space, strided, block)
        if block.endswith("squeeze"):
            self._squeeze(f"{name}.squeeze", writes)
        return writes

    def _residual(self, name: str, reads: tuple[str, ...], space: Space, strided: bool, block: str) -> str:
        changes = sum(self.found[one].channels for one in reads) != space.channels
        projected = changes or (block == "residual-strided" and strided)
        if projected:
            self.found[name] = space
        elif self.found[reads[0]].width != space.width:
            self._tie(space.width, self.found[reads[0]].width)
        # Without a projection the block adds to the very channels that it reads.
        writes = name if projected else reads[0]
        inner = f"{name}.first"
        self.found[inner] = space
        self._unit(inner, reads, inner)
        prefix = f"{name}.second." if block == "residual-strided" else f"{name}."
        self._convolution(f"{prefix}conv", (inner,), writes, self.config.bias)
        self._norm(f"{prefix}norm", writes)
        if projected:
            self._shortcut(name, reads, strided, block)
        return writes

    def _shortcut(self, name: str, reads: tuple[str, ...], strided: bool, block: str) -> None:
        if block == "residual-strided":
            convolution, norm, bias = f"{name}.shortcut.conv", f"{name}.shortcut.norm", self.config.bias
        else:
            # A pooling stands before it where there is a stride.
            first = int(strided)
            convolution, norm, bias = f"{name}.shortcut.{first}", f"{name}.shortcut.{first + 1}", False
        self._convolution(convolution, reads, name, bias)
        self._norm(norm, name)
        if not (block == "residual-strided" and strided):
            self.projections.append(Projection(reads, name))

    def _unit(self, name: str, reads: tuple[str, ...], writes: str) -> None:
        self._convolution(f"{name}.conv", reads, writes, self.config.bias)
        self._norm(f"{name}.norm", writes)

    def _convolution(self, name: str, reads: tuple[str, ...], writes: str, bias: bool) -> None:
        self.tensors[f"{name}.weight"] = Axes(writes=(0, writes), reads=(1, reads))
        if bias:
            self.tensors[f"{name}.bias"] = Axes(writes=(0, writes))

    def _upsampling(self, name: str, below: str, up: str) -> None:
        if self.config.upsampling == "interpolate":
            self._convolution(name, (below,), up, self.config.bias)
            return
        self.tensors[f"{name}.weight"] = Axes(writes=(1, up), reads=(0, (below,)))
        if self.config.bias:
            self.tensors[f"{name}.bias"] = Axes(writes=(0, up))

    def _norm(self, name: str, space: str) -> None:
        affine = ("weight", "bias") if self.config.norm_affine and self.config.norm != "none" else ()
        running = ("running_mean", "running_var") if self.config.norm == "batch" else ()
        for tensor in (*affine, *running):
            self.tensors[f"{name}.{tensor}"] = Axes(writes=(0, space))

    def _squeeze(self, name: str, space: str) -> None:
        inner = f"{name}.inner"
        self._inner(inner, space, self.config.squeeze_ratio, _LEAST_INNER)
        self._convolution(f"{name}.layers.0", (space,), inner, True)
        # The factors belong to the channels that they weigh.
        self.tensors[f"{name}.layers.2.weight"] = Axes(writes=(0, space), reads=(1, (inner,)))
        self.tensors[f"{name}.layers.2.bias"] = Axes(writes=(0, space))

    def _inner(self, name: str, space: str, divide: int, least: int) -> None:
        """Channels inside a gate, as many as the gated ones divided."""
        outer = self.found[space]
        self.found[name] = Space(max(outer.channels // divide, least), outer.width, divide, least)

    def _tie(self, width: str | None, other: str | None) -> None:
        """Two widths that are one number."""
        if width is None or other is None:
            raise ModelError(
                "The network adds channels that cannot be removed to others, so these cannot be removed either.",
                "Distil the model into a smaller one.",
            )
        first, second = self._root(width), self._root(other)
        if first != second:
            self.same = {name: second if root == first else root for name, root in self.same.items()}
            self.same[first] = second

    def _root(self, width: str) -> str:
        return self.same.get(width, width)
