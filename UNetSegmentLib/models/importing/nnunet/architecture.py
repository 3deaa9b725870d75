"""The network that the plans describe, in our own terms.

nnU-Net 2.8 writes the class and its arguments; plans of before 2024 hold a few numbers from which nnU-Net builds the
same arguments. Classes are told by their names, from a closed list; nothing is looked up or imported.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ....errors import ModelError
from ....networks.config import NetworkConfig
from ....networks.validation import check_unet
from ..fields import Fields
from .plans import Plans

_PACKAGE = "dynamic_network_architectures.architectures."
# Blocks of the encoder and of the decoder, and the argument that holds the encoder's number of them.
_CLASSES = {
    "PlainConvUNet": ("plain", "plain", "n_conv_per_stage"),
    "ResidualEncoderUNet": ("residual", "plain", "n_blocks_per_stage"),
    "ResidualUNet": ("residual", "residual", "n_blocks_per_stage"),
}
_NORMS = {"InstanceNorm": "instance", "BatchNorm": "batch"}
_ACTIVATIONS = {"LeakyReLU": "leaky_relu", "ReLU": "relu", "GELU": "gelu", "SiLU": "silu"}
_BATCH_NORM_TRAINER = "nnUNetTrainerBN"
_UNDERSTOOD = {
    "n_stages",
    "features_per_stage",
    "conv_op",
    "kernel_sizes",
    "strides",
    "n_conv_per_stage",
    "n_blocks_per_stage",
    "n_conv_per_stage_decoder",
    "conv_bias",
    "norm_op",
    "norm_op_kwargs",
    "dropout_op",
    "dropout_op_kwargs",
    "nonlin",
    "nonlin_kwargs",
    "stem_channels",
    "deep_supervision",
    "block",
}
_HELP = (
    "Networks of nnU-Net's own kinds can be imported (PlainConvUNet, ResidualEncoderUNet, ResidualUNet). Export this "
    "one as ONNX and import that file."
)


def network_config(plans: Plans, in_channels: int, out_channels: int, trainer: str = "") -> NetworkConfig:
    """The description of the network.

    Args:
        in_channels, out_channels: of the whole network.
        trainer: the trainer's class; nnU-Net's own ``nnUNetTrainerBN`` has batch norm in place of the plans' norm.

    Raises:
        ModelError: a class or an argument without an equal here, by its name; or numbers that do not fit together.
    """
    name, arguments = _description(plans)
    if name not in _CLASSES:
        raise _refused(f"the network '{name}'")
    block, decoder_block, count = _CLASSES[name]
    _refuse_unknown(arguments, name)
    dimension, stages = plans.dimension, arguments.whole("n_stages")
    if not 2 <= stages <= 20:
        raise arguments.wrong("n_stages", "2 to 20 stages")
    _check_operator(arguments, "conv_op", ("Conv",), dimension)
    norm, eps, affine = _norm(arguments, dimension)
    activation, slope = _activation(arguments)
    features = _per_stage(arguments, "features_per_stage", stages)
    replaced = trainer == _BATCH_NORM_TRAINER
    config = NetworkConfig(
        dimension=dimension,
        in_channels=in_channels,
        out_channels=out_channels,
        features=features,
        kernels=_per_axis(arguments, "kernel_sizes", stages, dimension),
        strides=_per_axis(arguments, "strides", stages, dimension),
        encoder_convs=_per_stage(arguments, count, stages),
        # Ours run from the full resolution down, nnU-Net's as they are computed, from the bottleneck up.
        decoder_convs=_per_stage(arguments, "n_conv_per_stage_decoder", stages - 1)[::-1],
        block=block,
        norm="batch" if replaced else norm,
        activation=activation,
        dropout=_dropout(arguments),
        bias=arguments.flag("conv_bias", False),
        decoder_block=None if decoder_block == block else decoder_block,
        stem_channels=arguments.whole("stem_channels", features[0]) if block == "residual" else None,
        norm_eps=1e-5 if replaced else eps,
        norm_affine=replaced or affine,
        negative_slope=slope,
    )
    check_unet(config)
    return config


def _description(plans: Plans) -> tuple[str, Fields]:
    """The network's class, without its module, and its arguments."""
    configuration = plans.configuration
    if "architecture" not in configuration:
        return _older(plans)
    architecture = configuration.object("architecture")
    name = architecture.text("network_class_name")
    if not name.startswith(_PACKAGE):
        raise _refused(f"the network '{name}'")
    return name.rpartition(".")[2], architecture.object("arch_kwargs")


def _older(plans: Plans) -> tuple[str, Fields]:
    """What nnU-Net makes of plans without an architecture."""
    old = plans.configuration
    name = old.text("UNet_class_name")
    if name not in ("PlainConvUNet", "ResidualEncoderUNet"):
        raise _refused(f"the network '{name}'")
    convolutions = old.wholes("n_conv_per_stage_encoder")
    base, most = old.whole("UNet_base_num_features"), old.whole("unet_max_num_features")
    dimension = plans.dimension
    arguments: dict[str, Any] = {
        "n_stages": len(convolutions),
        "features_per_stage": [min(base * 2**stage, most) for stage in range(len(convolutions))],
        "conv_op": f"torch.nn.Conv{dimension}d",
        "kernel_sizes": old.sequence("conv_kernel_sizes"),
        "strides": old.sequence("pool_op_kernel_sizes"),
        _CLASSES[name][2]: list(convolutions),
        "n_conv_per_stage_decoder": old.sequence("n_conv_per_stage_decoder"),
        "conv_bias": True,
        "norm_op": f"torch.nn.InstanceNorm{dimension}d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": "torch.nn.LeakyReLU",
    }
    return name, Fields(arguments, old.where)


def _refuse_unknown(arguments: Fields, name: str) -> None:
    for key, value in arguments.data.items():
        if key not in _UNDERSTOOD and value not in (None, False):
            raise _refused(f"the argument '{key}' ({value}) of the network '{name}'")
    block = str(arguments.get("block", "BasicBlockD")).rpartition(".")[2]
    if block != "BasicBlockD":
        raise _refused(f"the block '{block}' of the network '{name}'")


def _norm(arguments: Fields, dimension: int) -> tuple[str, float, bool]:
    """Our name of the norm, its epsilon, and whether it learns scale and shift."""
    if "norm_op" not in arguments:
        return "none", 1e-5, True
    kind = _NORMS[_check_operator(arguments, "norm_op", tuple(_NORMS), dimension)]
    options = _options(arguments, "norm_op_kwargs", {"eps", "affine", "momentum"})
    # Torch's own defaults, where the plans say nothing.
    return kind, options.number("eps", 1e-5), options.flag("affine", kind == "batch")


def _activation(arguments: Fields) -> tuple[str, float]:
    """Our name of the activation and its negative slope."""
    if "nonlin" not in arguments:
        raise _refused("a network without activation ('nonlin')")
    name = _torch_class(arguments, "nonlin")
    if name not in _ACTIVATIONS:
        raise _refused(f"the activation '{name}'")
    options = _options(
        arguments, "nonlin_kwargs", {"inplace", "negative_slope"} if name == "LeakyReLU" else {"inplace"}
    )
    return _ACTIVATIONS[name], options.number("negative_slope", 0.01)


def _dropout(arguments: Fields) -> float:
    """The probability; without effect when the network is run."""
    if "dropout_op" not in arguments:
        return 0.0
    return _options(arguments, "dropout_op_kwargs", {"p", "inplace"}).number("p", 0.5)


def _check_operator(arguments: Fields, key: str, families: Collection[str], dimension: int) -> str:
    """The family of a torch class such as ``torch.nn.modules.conv.Conv3d``, which must be of the right dimension."""
    name = _torch_class(arguments, key)
    for family in families:
        if name == f"{family}{dimension}d":
            return family
    raise _refused(f"'{name}' ({key}) in a {dimension}D network")


def _torch_class(arguments: Fields, key: str) -> str:
    name = arguments.text(key)
    if not name.startswith("torch.nn."):
        raise _refused(f"'{name}' ({key})")
    return name.rpartition(".")[2]


def _options(arguments: Fields, key: str, understood: Collection[str]) -> Fields:
    options = arguments.object(key) if key in arguments else Fields({}, f"{arguments.where}: {key}")
    for name, value in options.data.items():
        if name not in understood and value not in (None, False):
            raise _refused(f"the option '{name}' ({value}) in '{key}'")
    return options


def _per_stage(arguments: Fields, key: str, count: int) -> tuple[int, ...]:
    if isinstance(arguments.get(key), int):
        return (arguments.whole(key),) * count
    return arguments.wholes(key, count)


def _per_axis(arguments: Fields, key: str, stages: int, dimension: int) -> tuple[tuple[int, ...], ...]:
    """Numbers per stage and axis; one number may stand for all axes, or for all stages."""
    value = arguments.get(key)
    if isinstance(value, int):
        return ((arguments.whole(key),) * dimension,) * stages
    rows = []
    for entry in arguments.sequence(key, stages):
        row = Fields({key: entry}, arguments.where)
        rows.append((row.whole(key),) * dimension if isinstance(entry, int) else row.wholes(key, dimension))
    return tuple(rows)


def _refused(what: str) -> ModelError:
    return ModelError(f"The model needs {what}, which UNetSegment does not have.", _HELP)
