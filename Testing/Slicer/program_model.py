"""Makes a model that is a program: run by the worker's Python, which has torch.

``python program_model.py FOLDER`` writes ``brightness.ts``, a TorchScript network with its contract inside, that calls
everything above 50 Bright.
"""

import json
import sys
from pathlib import Path

CONTRACT = {
    "name": "brightness",
    "title": "Brightness",
    "inputs": [{"name": "Image", "modality": "any"}],
    "labels": [{"value": 1, "name": "Bright"}],
    "patch": [16, 16, 16],
    "normalization": [{"kind": "none"}],
    "divisor": [1, 1, 1],
}


def main(folder: str) -> None:
    import torch

    class Brightness(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.cat([torch.zeros_like(image), image - 50.0], 1)

    script = torch.jit.script(Brightness().eval())
    target = Path(folder) / "brightness.ts"
    torch.jit.save(script, str(target), _extra_files={"metadata.json": json.dumps(CONTRACT)})


if __name__ == "__main__":
    main(sys.argv[1])
