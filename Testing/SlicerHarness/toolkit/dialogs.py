"""Modal dialogs: a headless test cannot click them away, so each one is answered beforehand or fails.

``answers`` holds what the next dialogs return; ``opened`` keeps the texts of those that were asked. The product
shows its errors beside its buttons, so a test that finds something in ``opened`` has found a fault.
"""

from __future__ import annotations

answers: list[object] = []
opened: list[str] = []
urls: list[str] = []


class UnexpectedDialogError(AssertionError):
    """A modal dialog opened for which the test gave no answer."""


def answer(text: str):
    opened.append(text)
    if not answers:
        raise UnexpectedDialogError(f"a modal dialog opened and the test has no answer for it: {text}")
    return answers.pop(0)


def reset() -> None:
    for kept in (answers, opened, urls):
        kept.clear()
