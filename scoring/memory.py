"""Arrays that are used again: the system takes longer to hand out new memory than a batch takes to be scored."""

from __future__ import annotations

import math

import numpy as np


class Memory:
    """Named arrays for one piece of work at a time; asking for a name again gives the same place, written over."""

    def __init__(self) -> None:
        self._kept: dict[str, np.ndarray] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: type = np.float64) -> np.ndarray:
        """An array of any content, of this shape."""
        size = math.prod(shape)
        kept = self._kept.get(name)
        if kept is None or kept.size < size or kept.dtype != dtype:
            kept = self._kept[name] = np.empty(size, dtype)
        return kept[:size].reshape(shape)
