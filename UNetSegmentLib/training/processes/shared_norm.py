"""Batch norm over the samples of all processes that train together."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..losses.sums import sum_over_processes


class SharedBatchNorm(_BatchNorm):
    """The mean and variance of all processes' samples, on any device (torch's own SyncBatchNorm needs a GPU).

    Input (batch, channels, *patch); every process must run it at the same time, with any number of samples.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        axes = [0, *range(2, x.ndim)]
        shape = (1, -1, *(1,) * (x.ndim - 2))
        wide = x.float()
        count = wide.new_tensor([x.numel() / x.shape[1]])
        total = sum_over_processes(torch.cat([wide.sum(dim=axes), count]))
        mean, count = total[:-1] / total[-1], total[-1].detach()
        centred = wide - mean.reshape(shape)
        variance = sum_over_processes(centred.square().sum(dim=axes)) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1).clamp_min(1))
        result = centred * torch.rsqrt(variance + self.eps).reshape(shape)
        if self.affine:
            result = result * self.weight.reshape(shape) + self.bias.reshape(shape)
        return result.to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if not self.track_running_stats or self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)

    def _check_input_dim(self, input: Tensor) -> None:
        """Two or three spatial axes alike."""


def share_batch_norms(network: nn.Module) -> None:
    """Puts :class:`SharedBatchNorm` in the place of every batch norm; parameters and names stay what they were."""
    for parent in list(network.modules()):
        for name, module in parent.named_children():
            if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
                setattr(parent, name, _shared(module))


def _shared(module: _BatchNorm) -> SharedBatchNorm:
    shared = SharedBatchNorm(
        module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats
    )
    shared.weight, shared.bias = module.weight, module.bias
    shared.running_mean, shared.running_var = module.running_mean, module.running_var
    shared.num_batches_tracked = module.num_batches_tracked
    return shared.train(module.training)
