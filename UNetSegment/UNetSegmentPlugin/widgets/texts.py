"""Texts that widgets show."""


def set_text(label, text: str) -> None:
    """Shows ``text`` in a label, and hides the label when there is none."""
    label.text = text
    label.setVisible(bool(text))
