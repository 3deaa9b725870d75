"""Where corrections are worked out: where runs go, and on this computer once a host is gone."""

from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError

from ..running import hosts

_FAR = "far-"


class Place:
    """Follows what is chosen in the section Advanced.

    Attributes:
        url: of the host; empty for this computer.
        notice: to be said with the next answer.
    """

    def __init__(self) -> None:
        self.url = self._chosen = hosts.chosen()
        self.notice = ""

    @property
    def command(self) -> list[str]:
        """Starts the worker there."""
        return hosts.correct_command(self.url)

    @property
    def replacing(self) -> str:
        """What is said while another worker takes up the session."""
        host = hosts.name_of(self.url)
        if host:
            return _("The connection to {host} broke; it is made anew. No correction is lost.").format(host=host)
        return _("The worker process has ended; another one takes over. No correction is lost.")

    def moved(self) -> bool:
        """Whether another place has been chosen since, which is then this one. One that is gone stays left."""
        wanted = hosts.chosen()
        if wanted == self._chosen:
            return False
        self._chosen, before = wanted, self.url
        self.url = wanted
        return wanted != before

    def leave(self, error: UNetSegmentError) -> bool:
        """Whether an error is of a host that is gone; then this computer goes on."""
        if not self.url or not error.code.startswith(_FAR):
            return False
        self.notice = _("{cause} Corrections go on on this computer; none is lost.").format(cause=error.cause)
        self.url = hosts.HERE
        return True

    def said(self, text: str) -> str:
        """What an answer did, with where it comes from."""
        if self.url:
            text += " " + _("Made on {host}.").format(host=hosts.name_of(self.url))
        if self.notice:
            text, self.notice = f"{text} {self.notice}", ""
        return text
