"""A segmentation on one page, as a picture or PDF."""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "PageText": "content",
        "check_page_ending": "writing",
        "facts_of_run": "content",
        "page_as_pdf": "writing",
        "write_page": "writing",
    },
)
