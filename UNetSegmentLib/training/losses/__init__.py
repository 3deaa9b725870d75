"""What is minimised: losses of overlap (:mod:`.overlap`), of every voxel by itself (:mod:`.entropy`), of the border
(:mod:`.boundary`) and of centre lines (:mod:`.centreline`), and their sum over the resolutions of deep supervision
(:mod:`.supervision`) as a training's configuration asks for; and what another network teaches (:mod:`.distillation`).
"""

from .boundary import boundary_loss
from .centreline import centreline_dice_loss, soft_skeleton
from .comparison import IGNORED, Comparison, compare
from .distance import signed_distance
from .distillation import attention_transfer_loss, distillation_loss, overlap_distillation_loss
from .entropy import cross_entropy_loss, focal_loss
from .overlap import dice_loss, tversky_loss
from .supervision import loss_parts, single_loss, sum_of, supervision_weights, total_loss

__all__ = [
    "IGNORED",
    "Comparison",
    "attention_transfer_loss",
    "boundary_loss",
    "centreline_dice_loss",
    "compare",
    "cross_entropy_loss",
    "dice_loss",
    "distillation_loss",
    "focal_loss",
    "loss_parts",
    "overlap_distillation_loss",
    "signed_distance",
    "single_loss",
    "soft_skeleton",
    "sum_of",
    "supervision_weights",
    "total_loss",
    "tversky_loss",
]
