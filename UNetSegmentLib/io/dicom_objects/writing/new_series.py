"""What highdicom is told of every object that we make of a series, and how it is said that it could not be made."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from ....errors import InputError
from ..author import MANUFACTURER, VERSION, Author
from ..needed import highdicom
from ..source import SourceSeries
from ..texts import short_text


def new_series(number: int) -> dict[str, Any]:
    """Arguments of highdicom's objects: the only instance of a series of its own, made by this program."""
    uid = highdicom().UID
    return {
        "series_instance_uid": uid(),
        "series_number": number,
        "sop_instance_uid": uid(),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
    }


def image_series(number: int, author: Author) -> dict[str, Any]:
    """Those of :func:`new_series`, and what images state besides of the device that made them: the model."""
    return new_series(number) | {
        "manufacturer_model_name": short_text(author.name) or MANUFACTURER,
        "software_versions": VERSION,
        "device_serial_number": "0",
    }


@contextlib.contextmanager
def about_series(source: SourceSeries, what: str, cure: str) -> Iterator[None]:
    """Within it highdicom makes ``what`` about a series; what it warns of tags of the source is not passed on.

    Raises:
        InputError: headers of the series lack what that needs, with ``cure``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about tags of the source that are out of the standard
        try:
            yield
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise InputError(
                f"No {what} can be made about series {source.name}: its headers lack what that needs.", cure, str(error)
            ) from error
