"""The only dialogs of the module: questions whose answer cannot be taken back."""

import html

import qt
from slicer.i18n import tr as _


def may_run(parent, name: str) -> bool:
    """Asks whether the program may run; the answer is no unless the user chooses yes."""
    box = qt.QMessageBox(parent)
    box.setWindowTitle(_("Do you trust this model?"))
    box.icon = qt.QMessageBox.Warning
    box.textFormat = qt.Qt.RichText
    box.text = (
        "<b>" + _("'{name}' is a program, not only numbers.").format(name=html.escape(name, quote=False)) + "</b>"
    )
    box.informativeText = _(
        "TorchScript and ONNX models carry their own code, which runs on this computer with your rights: on your files "
        "and your network. UNetSegment cannot check what it does. Import it only if you know who made it and got it "
        "from them. Do you trust it?"
    )
    box.setStandardButtons(qt.QMessageBox.Yes | qt.QMessageBox.No)
    box.setDefaultButton(qt.QMessageBox.No)
    box.setEscapeButton(qt.QMessageBox.No)
    return box.exec() == qt.QMessageBox.Yes


def may_remove(parent, title: str) -> bool:
    """Asks whether a model's files may be deleted."""
    question = _("Remove '{title}' from this computer? Its files are deleted.").format(title=title)
    return _yes(parent, _("Remove the model"), question)


def may_discard(parent, title: str) -> bool:
    """Asks whether a training that is not finished may be deleted."""
    question = _("Discard the training '{title}'? What it has learned is lost.").format(title=title)
    return _yes(parent, _("Discard the training"), question)


def may_empty_cache(parent, size: str) -> bool:
    """Asks whether the downloads may be deleted."""
    question = _("Delete all downloads ({size})? Installed models stay.").format(size=size)
    return _yes(parent, _("Empty the cache"), question)


def may_use_host(parent, sentence: str, host: str) -> bool:
    """Asks whether pixels may leave this computer; what has left cannot be called back."""
    question = sentence + "\n\n" + _("Use {host}?").format(host=host)
    return _yes(parent, _("Where it runs"), question)


def may_send_model(parent, title: str, size: str, host: str) -> bool:
    """Asks whether models may be copied to a host."""
    question = _("Send '{title}' ({size}) to {host}?").format(title=title, size=size, host=host)
    more = _("Other models that it lacks are then sent without asking.")
    return _yes(parent, _("Send the model"), f"{question} {more}")


def _yes(parent, title: str, question: str) -> bool:
    buttons = qt.QMessageBox.Yes | qt.QMessageBox.No
    return qt.QMessageBox.question(parent, title, question, buttons, qt.QMessageBox.No) == qt.QMessageBox.Yes
