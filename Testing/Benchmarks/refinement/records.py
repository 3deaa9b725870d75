"""What was measured, kept in a file so that a long table can be measured in pieces."""

import json
from statistics import mean

from .measures import auc
from .play import Step


class Records:
    """Steps of each case, by method, kind and case; those measured anew replace the old ones.

    Args:
        path: a JSON file, read where there is one and written after each kind; None keeps nothing.
    """

    def __init__(self, path=None):
        self._path = path
        self._found = json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else {}

    def put(self, method, case, steps):
        kinds = self._found.setdefault(method, {}).setdefault(case.kind, {})
        kinds[case.name] = {"half": case.half, "steps": [list(map(float, step)) for step in steps]}

    def save(self):
        if self._path:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps(self._found, indent=1), encoding="utf-8")

    @property
    def methods(self):
        return list(self._found)

    def kinds(self, method):
        return list(self._found.get(method, {}))

    def steps(self, method, kind, half=None):
        """Name of each case and its steps."""
        found = self._found.get(method, {}).get(kind, {})
        return {
            name: [Step(*step) for step in case["steps"]]
            for name, case in found.items()
            if half in (None, case["half"])
        }


def curve(played, what="dice"):
    """Mean of a measure before and after each prompt."""
    return [mean(getattr(step, what) for step in at) for at in zip(*played, strict=True)]


def area(steps, what="dice"):
    """Under the curve after the prompts; of one prompt alone its value."""
    values = [getattr(step, what) for step in steps[1:]]
    return auc(values) if len(values) > 1 else values[0]
