from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# A first example may train a model, and machines are busy: time is no property to test here.
hypothesis_settings.register_profile("scoring", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("scoring")


@pytest.fixture(autouse=True)
def _store(settings: Any, tmp_path: Any) -> None:
    """Files of this test alone."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
