import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError, connection, connections

from accounts.models import AuditEntry, Institution, OutboxEvent
from accounts.tenancy.scope import institution_scope
from lending.models import Application, Assessment, Decision, Offer
from lending.services import assessments
from lending.services.assessments import assess_waiting, reassess_application
from lending.tests import factories
from scoring.models import Score, ScoringModel


Status = Application.Status


@pytest.mark.parametrize("segment", ["household", "enterprise", "farm"])
def test_a_good_case_is_scored_matched_and_approved(assessed, segment):
    application = assessed(segment, amount=Decimal(2000), term_months=12 if segment != "farm" else 6)
    assessment = Assessment.objects.get(application=application)
    score = Score.objects.get(pk=assessment.score_id)
    assert score.base_points + sum(reason["points"] for reason in score.reasons) == score.score
    assert len(assessment.matches) == 3
    print(segment, application.status, score.score, score.pd, assessment.reason_codes, Offer.objects.count())
