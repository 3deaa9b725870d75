"""What a GPU does with UNetSegment: the same answers as the CPU, and how quickly. One JSON file and one table.

    make gpu-check                                     with an environment of its own
    python Testing/Gpu/check.py                        with this Python, which has torch and our dependencies
    python Testing/Gpu/check.py --device cpu --tiny    a rehearsal without a GPU, in seconds

Needs no data and no network; the real images in ../shared/data, nnU-Net, MONAI, TensorRT and onnx are used where they
are there, and a row says so where they are not. Each section is a process of its own with a share of the time: what
fails or takes too long is a row of the table, never its end. The JSON file is written anew after every section.
"""

import argparse
import contextlib
import importlib
import json
import subprocess
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rows import Row, as_table, marked, rows_of

HERE = Path(__file__).resolve().parent

# In the order in which they run, each with its share of the time; what one leaves goes to those after it. Building
# engines takes longest, so it comes last.
SECTIONS = {
    "machine": 0.04,
    "parity": 0.16,
    "memory": 0.12,
    "engine": 0.12,
    "peers": 0.10,
    "compiling": 0.10,
    "training": 0.08,
    "tensorrt": 0.28,
}
_START_UP = 25  # seconds under which no section is begun


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1 or cpu")
    parser.add_argument("--tiny", action="store_true", help="small networks and images, in this one process")
    parser.add_argument("--minutes", type=float, default=8.5, help="for all sections together")
    parser.add_argument("--output", type=Path, default=Path("gpu-check.json"))
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--section", choices=SECTIONS, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.section:
        return one_section(chosen.section, chosen.device, chosen.tiny)
    return all_sections(chosen)


def all_sections(chosen):
    """Runs the sections one after the other; returns 1 where a check failed, 0 otherwise."""
    started = time.monotonic()
    rows = []
    wanted = [name for name in SECTIONS if name in chosen.only]
    for name in wanted:
        left = chosen.minutes * 60 - (time.monotonic() - started)
        if left < _START_UP and not chosen.tiny:
            rows.append(Row(name, "(whole section)", note="no time was left"))
        else:
            to_come = wanted[wanted.index(name) :]
            seconds = max(left * SECTIONS[name] / sum(SECTIONS[n] for n in to_come), min(left, _START_UP))
            rows += in_process(name, chosen) if chosen.tiny else in_child(name, chosen, seconds)
        write(chosen, rows, time.monotonic() - started)
        print(f"{name}: {sum(row.section == name for row in rows)} rows", file=sys.stderr, flush=True)
    print(as_table(rows))
    print(f"{chosen.output} holds the same, and the machine.")
    return int(any(row.ok is False for row in rows))


def in_child(name, chosen, seconds):
    """The rows of a section that runs in a process of its own, and one more where that ended badly."""
    command = [sys.executable, str(HERE / "check.py"), "--section", name, "--device", chosen.device]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace"
    )
    late = False
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        late = True
        process.kill()
        out, err = process.communicate()
    rows = rows_of(out)
    if late:
        rows.append(Row(name, "(rest of the section)", note=f"stopped after its {seconds:.0f} s"))
    elif process.returncode:
        last = (err.strip().splitlines() or ["nothing was said"])[-1]
        rows.append(Row(name, "(rest of the section)", ok=False, note=f"ended with {process.returncode}: {last[:300]}"))
    return rows


def one_section(name, device, tiny):
    """Runs one section and prints its rows as they come, among whatever else is printed."""
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        for row in guarded(name, device, tiny):
            print(marked(row), file=out, flush=True)
    return 0


def in_process(name, chosen):
    with contextlib.redirect_stdout(sys.stderr):
        return list(guarded(name, chosen.device, chosen.tiny))


def guarded(name, device, tiny):
    """The rows of a section; what it raises becomes one."""
    try:
        module = importlib.import_module(f"section_{name}")
        from scale import scale_of

        yield from module.rows(scale_of(device, tiny))
    except Exception as error:
        traceback.print_exc()
        yield Row(name, "(rest of the section)", ok=False, note=f"{type(error).__name__}: {error}"[:300])


def write(chosen, rows, seconds):
    """The file so far, whole or not at all."""
    content = {"device": chosen.device, "tiny": chosen.tiny, "seconds": round(seconds, 1)}
    content["rows"] = [row.as_dict() for row in rows]
    temporary = chosen.output.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    temporary.replace(chosen.output)


if __name__ == "__main__":
    sys.exit(main())
