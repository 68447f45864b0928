"""Days late in buckets, as the nightly close keeps them and as pages add them up."""

from typing import Final

from django.utils.translation import gettext_lazy as _

BUCKETS: Final = ("0", "1-8", "9-30", "31-60", "61-90", "91-120", "121+")
OVER_30: Final = BUCKETS[3:]
BOUNDS: Final = {
    "0": (0, 0),
    "1-8": (1, 8),
    "9-30": (9, 30),
    "31-60": (31, 60),
    "61-90": (61, 90),
    "91-120": (91, 120),
    "121+": (121, None),
}
# The bands a page shows, worst last: code, the buckets in it, the colour class, words.
AGES: Final = (
    ("normal", BUCKETS[:2], "a0", _("Normal, hasta 8 días")),
    ("potential", BUCKETS[2:3], "a1", _("Con problemas, 9 a 30")),
    ("deficient", BUCKETS[3:4], "a2", _("Deficiente, 31 a 60")),
    ("doubtful", BUCKETS[4:6], "a3", _("Dudoso, 61 a 120")),
    ("loss", BUCKETS[6:], "a4", _("Pérdida, más de 120")),
)


def bucket(days_late: int) -> str:
    """The bucket of so many days late."""
    return next(name for name, (_low, high) in BOUNDS.items() if high is None or days_late <= high)


def bucket_sql(days: str) -> str:
    """`bucket` as an SQL expression over the expression `days`."""
    cases = " ".join(
        f"WHEN {days} <= {high} THEN '{bucket}'" for bucket, (_low, high) in BOUNDS.items() if high is not None
    )
    return f"CASE {cases} ELSE '{BUCKETS[-1]}' END"
