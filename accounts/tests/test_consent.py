import pytest
from django.utils import timezone

from accounts.consent import TEXTS, check_consents, consent_texts, granted_purposes, record_consents
from accounts.errors import InvalidInput
from accounts.models import Consent
from accounts.models.base import uuid7


def keep(institution, answers, **how):
    subject, application = uuid7(), uuid7()
    rows = record_consents(
        institution=institution,
        subject_id=subject,
        application_id=application,
        answers=answers,
        channel="web",
        ip=None,
        given_by_id=None,
        **how,
    )
    return application, rows


def test_every_purpose_is_worded_in_both_languages(institution):
    assert set(TEXTS) == set(Consent.Purpose.values)
    for language in ("es", "en"):
        for text in consent_texts(institution, language):
            assert text.title
            assert institution.name in text.body
            assert "{" not in text.body


def test_the_hash_is_of_the_words_shown(institution, other_institution):
    here, there = consent_texts(institution, "es")[0], consent_texts(other_institution, "es")[0]
    assert here.sha256 != there.sha256
    assert here.sha256 == consent_texts(institution, "es")[0].sha256
    assert here.sha256 != consent_texts(institution, "en")[0].sha256


def test_an_unknown_language_falls_back_on_spanish(institution):
    assert consent_texts(institution, "qu")[0].language == "es"


def test_refusals_are_kept_too(institution):
    _application, rows = keep(institution, {"evaluation": True, "contact": False})
    assert {row.purpose: row.granted for row in rows} == {
        purpose: purpose == "evaluation" for purpose in Consent.Purpose.values
    }


def test_only_the_evaluation_is_necessary():
    check_consents({"evaluation": True})
    with pytest.raises(InvalidInput) as refusal:
        check_consents({"automated": True})
    assert list(refusal.value.fields) == ["consent_evaluation"]


def test_an_unknown_purpose_is_refused():
    with pytest.raises(InvalidInput) as refusal:
        check_consents({"evaluation": True, "resale": True})
    assert list(refusal.value.fields) == ["consent_resale"]


def test_what_was_withdrawn_no_longer_stands(institution):

    application, _rows = keep(institution, {"evaluation": True, "contact": True})
    Consent.objects.filter(purpose="contact").update(withdrawn_at=timezone.now())
    assert granted_purposes([application]) == {application: frozenset({"evaluation"})}
