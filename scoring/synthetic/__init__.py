"""Borrowers made up so that the truth about them is known."""

from .borrowers import GENERATOR_VERSION, MILD, STRONG, borrowers, column_names, declared, fact_names, provenance

__all__ = ["GENERATOR_VERSION", "MILD", "STRONG", "borrowers", "column_names", "declared", "fact_names", "provenance"]
