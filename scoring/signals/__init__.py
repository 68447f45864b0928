"""The world outside: prices, yields, weather. Files and messages come in by one door; features get what was known."""

from scoring.signals.known import Place, known_signals
from scoring.signals.reading import SignalRow, read_signals

__all__ = ["Place", "SignalRow", "known_signals", "read_signals"]
