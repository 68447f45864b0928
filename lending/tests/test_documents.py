import hashlib

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound, Unavailable
from accounts.models import AuditEntry
from accounts.tenancy.scope import institution_scope
from lending.models import Document
from lending.services import documents
from lending.services.applications import start_application, withdraw_application
from lending.services.documents import add_document, open_document, remove_document, review_document
from lending.tests.factories import applicant_of, submitted
from lending.tests.test_uploads import PDF, picture


def upload(content=None, name="dni.jpg", media_type="image/jpeg"):
    return SimpleUploadedFile(name, picture() if content is None else content, media_type)


def events(document):
    found = AuditEntry.objects.filter(subject_id=str(document.pk)).order_by("at_us", "id")
    return list(found.values_list("event", flat=True))


@pytest.fixture
def draft(institution, applicant):
    return start_application(actor=applicant, segment="household")


@pytest.fixture
def document(draft, applicant):
    return add_document(application_id=draft.pk, actor=applicant, kind="identity_front", upload=upload())


def test_a_photo_is_kept_sealed_and_under_no_ones_name(document, institution):
    assert (document.media_type, document.status) == ("image/jpeg", "pending")
    assert document.stored_name.startswith(f"institutions/{institution.uuid}/")
    with default_storage.open(document.stored_name) as stored:
        assert not stored.read().startswith(b"\xff\xd8")
    assert events(document) == ["lending.document.added"]


def test_its_owner_reads_back_what_was_kept(document, applicant):
    content, media_type = open_document(document_id=document.pk, actor=applicant)
    assert (hashlib.sha256(content).hexdigest(), media_type) == (document.sha256, "image/jpeg")
    assert events(document)[-1] == "lending.document.opened"


def test_the_type_is_read_from_the_content(draft, applicant):
    lying = upload(PDF, "dni.jpg", "image/jpeg")
    kept = add_document(application_id=draft.pk, actor=applicant, kind="income", upload=lying)
    assert kept.media_type == "application/pdf"


def test_the_same_photo_twice_is_one_document(document, draft, applicant):
    again = add_document(application_id=draft.pk, actor=applicant, kind="identity_front", upload=upload())
    assert again.pk == document.pk
    assert Document.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "content", "field"),
    [
        ("passport", None, "kind"),
        ("income", b"MZ\x90\x00nope", "file"),
        ("income", b"", "file"),
        ("income", b"x" * (10 * 1024 * 1024 + 1), "file"),
    ],
)
def test_what_can_not_be_kept_is_refused_and_leaves_nothing(draft, applicant, kind, content, field):
    with pytest.raises(InvalidInput) as refusal:
        add_document(application_id=draft.pk, actor=applicant, kind=kind, upload=upload(content))
    assert list(refusal.value.fields) == [field]
    assert not Document.objects.exists()


def test_thirty_megabytes_are_refused_without_reading_them(draft, applicant):
    class Huge(SimpleUploadedFile):
        def read(self, *args):
            raise AssertionError("read")

    huge = Huge("foto.jpg", b"")
    huge.size = 30 * 1024 * 1024
    with pytest.raises(InvalidInput) as refusal:
        add_document(application_id=draft.pk, actor=applicant, kind="income", upload=huge)
    assert "30 MB" in refusal.value.fields["file"][0]


def test_there_is_a_limit_to_how_many(draft, applicant, monkeypatch):
    monkeypatch.setattr(documents, "MOST_DOCUMENTS", 1)
    add_document(application_id=draft.pk, actor=applicant, kind="identity_front", upload=upload())
    with pytest.raises(InvalidInput):
        add_document(application_id=draft.pk, actor=applicant, kind="identity_back", upload=upload())


def test_a_failed_transaction_leaves_no_file(draft, applicant):
    with transaction.atomic():
        name = add_document(application_id=draft.pk, actor=applicant, kind="income", upload=upload()).stored_name
        assert default_storage.exists(name)
        transaction.set_rollback(True)
    assert not default_storage.exists(name)


@pytest.mark.transactional
def test_a_committed_file_stays_and_a_removed_one_goes(institution):
    actor = applicant_of(institution)
    with institution_scope(institution.pk):
        draft = start_application(actor=actor, segment="household")
        kept = add_document(application_id=draft.pk, actor=actor, kind="income", upload=upload())
    assert default_storage.exists(kept.stored_name)
    with institution_scope(institution.pk):
        remove_document(document_id=kept.pk, actor=actor)
        assert default_storage.exists(kept.stored_name)
    assert not default_storage.exists(kept.stored_name)


def test_removing_again_finds_nothing(document, applicant):
    remove_document(document_id=document.pk, actor=applicant)
    with pytest.raises(NotFound):
        remove_document(document_id=document.pk, actor=applicant)
    assert events(document)[-1] == "lending.document.removed"


def test_what_was_sent_is_not_taken_back(institution, applicant):
    sent = submitted(institution, actor=applicant)
    shown = add_document(application_id=sent.pk, actor=applicant, kind="income", upload=upload())
    with pytest.raises(InvalidState):
        remove_document(document_id=shown.pk, actor=applicant)


def test_an_ended_application_takes_no_more(draft, applicant):
    withdraw_application(application_id=draft.pk, actor=applicant)
    with pytest.raises(InvalidState):
        add_document(application_id=draft.pk, actor=applicant, kind="income", upload=upload())


def test_a_stranger_neither_adds_nor_opens_nor_removes(document, draft, institution):
    stranger = applicant_of(institution)
    for act in (
        lambda: add_document(application_id=draft.pk, actor=stranger, kind="income", upload=upload()),
        lambda: open_document(document_id=document.pk, actor=stranger),
        lambda: remove_document(document_id=document.pk, actor=stranger),
    ):
        with pytest.raises(NotFound):
            act()


def test_another_institutions_document_is_not_found(document, other_institution, actor_as):
    officer = actor_as("officer", at=other_institution)
    with institution_scope(other_institution.pk), pytest.raises(NotFound):
        open_document(document_id=document.pk, actor=officer)


def test_staff_open_and_review_what_was_sent(institution, applicant, officer, auditor, actor_as):
    sent = submitted(institution, actor=applicant)
    shown = add_document(application_id=sent.pk, actor=applicant, kind="income", upload=upload())
    for reader in (officer, auditor):
        assert open_document(document_id=shown.pk, actor=reader)
    with pytest.raises(NotFound):
        open_document(document_id=shown.pk, actor=actor_as("cashier"))
    with pytest.raises(NotAllowed):
        review_document(document_id=shown.pk, actor=auditor, status="verified", note="")

    reviewed = review_document(document_id=shown.pk, actor=officer, status="verified", note="")
    assert (reviewed.status, reviewed.reviewed_by_id) == ("verified", officer.user_id)
    review_document(document_id=shown.pk, actor=officer, status="verified", note="")
    assert events(shown).count("lending.document.reviewed") == 1


def test_a_rejection_says_why(institution, applicant, officer):
    sent = submitted(institution, actor=applicant)
    shown = add_document(application_id=sent.pk, actor=applicant, kind="income", upload=upload())
    with pytest.raises(InvalidInput):
        review_document(document_id=shown.pk, actor=officer, status="rejected", note=" ")
    rejected = review_document(document_id=shown.pk, actor=officer, status="rejected", note="No se lee")
    assert rejected.note == "No se lee"


def test_a_file_changed_behind_our_back_is_not_shown(document, applicant):
    Document.objects.update(sha256="0" * 64)
    with pytest.raises(Unavailable):
        open_document(document_id=document.pk, actor=applicant)


def test_a_lost_file_is_said_to_be_unavailable(document, applicant):
    default_storage.delete(document.stored_name)
    with pytest.raises(Unavailable):
        open_document(document_id=document.pk, actor=applicant)
