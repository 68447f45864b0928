"""The nightly close: what every loan, debtor and product amounts to at the end of a day, and its journals.

See docs/close.md. Other floors add what must happen after the figures stand with `after_close`.
"""

from lending.services.closing.run import CloseReport, after_close, close_day, close_through, days_to_close

__all__ = ["CloseReport", "after_close", "close_day", "close_through", "days_to_close"]
