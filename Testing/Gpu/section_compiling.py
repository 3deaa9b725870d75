"""One tile by the bare network: as it is, channels last, as a CUDA graph, compiled; and whether the answer stays."""

import torch
from rows import Row
from scale import model_of, on
from timing import seconds_of

LIMIT = 0.03  # of the logits' spread: half precision in another order


def rows(scale):
    network = on(model_of(scale).network(0), scale)
    tile = torch.randn(1, 1, *scale.patch, device=scale.device)
    expected = plain(network, scale)(tile).float()
    for name, maker in WAYS.items():
        try:
            run = maker(network, tile, scale)
        except Unsuited as error:
            yield Row("compiling", name, note=str(error))
            continue
        except Exception as error:  # of the compiler
            yield Row("compiling", name, ok=False, note=f"{type(error).__name__}: {error}"[:300])
            continue
        away = float((run(tile).float() - expected).square().mean().sqrt() / expected.std())
        seconds = seconds_of(lambda run=run: run(tile), scale.device, 4 * scale.rounds)
        yield Row("compiling", name, {"ms a tile": 1000 * seconds, "difference": away}, ok=away < LIMIT)


class Unsuited(Exception):
    """Not for this device."""


def plain(network, scale, dtype=None):
    dtype = dtype or (torch.float16 if scale.gpu else torch.float32)

    def run(tile):
        with torch.inference_mode(), torch.autocast(scale.device.type, dtype, enabled=dtype != torch.float32):
            return network(tile)

    return run


def single(network, tile, scale):
    return plain(network, scale, torch.float32)


def half(network, tile, scale):
    if not scale.gpu:
        raise Unsuited("half precision is for GPUs")
    return plain(network, scale)


def channels_last(network, tile, scale):
    moved = on(network, scale).to(memory_format=torch.channels_last_3d)
    run = plain(moved, scale)
    return lambda image: run(image.to(memory_format=torch.channels_last_3d))


def graph(network, tile, scale):
    """The pass recorded once and replayed: what is saved is the launching of some hundred kernels."""
    if not scale.gpu:
        raise Unsuited("CUDA graphs are for GPUs")
    run, source = plain(network, scale), tile.clone()
    side = torch.cuda.Stream(scale.device)
    side.wait_stream(torch.cuda.current_stream(scale.device))
    with torch.cuda.stream(side):
        for _ in range(3):
            run(source)
    torch.cuda.current_stream(scale.device).wait_stream(side)
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded):
        result = run(source)

    def replay(image):
        source.copy_(image)
        recorded.replay()
        return result

    return replay


def compiled(network, tile, scale):
    # Without a GPU the compiler itself would be timed, for a minute.
    how = {"mode": "reduce-overhead"} if scale.gpu else {"backend": "eager"}
    run = plain(torch.compile(network, **how), scale)
    run(tile)
    return run


WAYS = {
    "torch, fp32": single,
    "torch, fp16 autocast": half,
    "torch, channels last": channels_last,
    "CUDA graph": graph,
    "torch.compile": compiled,
}
