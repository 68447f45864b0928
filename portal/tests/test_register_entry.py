"""What the register concludes of a model: who vouches for it, and whether somebody has to act. No database."""

import pytest

from lending.disparity import Counts
from portal.oversight.register import Entry
from scoring.models import Alarm, ScoringModel


def entry(psi: float | None = None, *alarms: str, **model: int) -> Entry:
    ringing = [Alarm(level=level) for level in alarms]
    return Entry(ScoringModel(name="MN-1", **model), Counts(), [], psi, ringing)


@pytest.mark.parametrize(
    ("trained_by", "promoted_by", "independent"),
    [(1, 2, True), (None, 2, True), (2, 2, False), (1, None, False), (None, None, False)],
)
def test_a_model_is_validated_by_somebody_else_than_its_trainer(trained_by, promoted_by, independent):
    assert entry(trained_by_id=trained_by, promoted_by_id=promoted_by).independent is independent


@pytest.mark.parametrize(
    ("psi", "alarms", "kind"),
    [
        (None, (), ""),
        (0.0, (), "ok"),
        (0.0999, (), "ok"),
        (0.10, (), "warn"),
        (0.2499, (), "warn"),
        (0.25, (), "bad"),
        (0.0, (Alarm.Level.WARN,), "warn"),
        (None, (Alarm.Level.BAD,), "bad"),
    ],
)
def test_drift_and_alarms_say_whether_to_watch_or_to_act(psi, alarms, kind):
    assert entry(psi, *alarms).state[1] == kind
