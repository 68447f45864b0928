"""Bringing in an existing book: applicants, loans and payments from one file, all of it or nothing."""

from lending.services.importing.run import (
    UPLOADED,
    ImportRefused,
    import_portfolio,
    import_waiting,
    upload_portfolio,
)

__all__ = ["UPLOADED", "ImportRefused", "import_portfolio", "import_waiting", "upload_portfolio"]
