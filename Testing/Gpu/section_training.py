"""A step of training with our losses: single precision, and half precision with scaled gradients."""

import torch
from rows import Row
from scale import model_of, on
from timing import peak_gb, seconds_of


def rows(scale):
    for precision in ("fp32", "fp16", "bf16"):
        if precision == "fp16" and not scale.gpu:
            yield Row("training", precision, note="half precision with scaled gradients is for GPUs")
            continue
        run, losses = step(scale, precision)
        try:
            memory = peak_gb(run, scale.device)
            seconds = seconds_of(run, scale.device, 3 * scale.rounds, warm=2)
        except torch.OutOfMemoryError:
            yield Row("training", precision, note="the batch does not fit into the GPU's memory")
            continue
        values = {"s a step": seconds, "peak GB": memory, "first loss": losses[0], "last loss": losses[-1]}
        yield Row("training", precision, values, ok=losses[-1] == losses[-1])


def step(scale, precision):
    """One step on a fixed batch, and the list that its losses go to."""
    from UNetSegmentLib.training.config.values import LossConfig
    from UNetSegmentLib.training.loop.precision import autocast
    from UNetSegmentLib.training.losses import total_loss

    network = on(model_of(scale).network(0), scale).train().requires_grad_(True)
    optimizer = torch.optim.SGD(network.parameters(), 1e-3, momentum=0.99, nesterov=True)
    scaler = torch.amp.GradScaler(scale.device.type, enabled=precision == "fp16")
    torch.manual_seed(0)
    images = torch.randn(scale.batch, 1, *scale.patch, device=scale.device)
    coarse = torch.nn.functional.avg_pool3d(images, 5, 1, 2)
    target = ((coarse - coarse.min()) / (coarse.max() - coarse.min() + 1e-6) * scale.classes).long()
    target = target.clamp(max=scale.classes - 1)[:, 0]
    losses = []

    def run():
        optimizer.zero_grad(set_to_none=True)
        with autocast(precision, scale.device):
            loss = total_loss(network(images), target, LossConfig())
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(float(loss.detach()))

    return run, losses
