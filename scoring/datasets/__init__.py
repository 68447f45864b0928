"""Tables of borrowers with their outcome: read from any file, checked, profiled and kept by version."""

from scoring.datasets.profiling import profile
from scoring.datasets.reading import DatasetRefused, Table, read_table

__all__ = ["DatasetRefused", "Table", "profile", "read_table"]
