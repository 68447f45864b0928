from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _store(settings: Any, tmp_path: Any) -> None:
    """Files of this test alone."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
