"""Tables that people bring: read cell by cell, so that each complaint names its row and its column."""
