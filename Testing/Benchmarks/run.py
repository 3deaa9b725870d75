"""Runs every benchmark beside this file, each in a process of its own, and fails when one fails.

python Testing/Benchmarks/run.py [name ...]
"""

import subprocess
import sys
from pathlib import Path


def main():
    here = Path(__file__).resolve().parent
    wanted = sys.argv[1:]
    failed = []
    for script in sorted(here.glob("bench_*.py")):
        name = script.stem.removeprefix("bench_")
        if wanted and name not in wanted:
            continue
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, script], cwd=here, check=False).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
