"""Papers and photos: sent one by one, listed, taken back, and looked at by those who may."""

import html
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from accounts.models import AuditEntry
from lending.models import Application, Document
from lending.tests import walk


def body(response) -> str:
    return html.unescape(response.content.decode())


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def phone(client_as):
    return client_as("applicant")


@pytest.fixture
def draft(phone, institution, products) -> Application:
    return walk.start(phone, institution, "enterprise")


@pytest.fixture
def address(draft, institution) -> str:
    return walk.url(draft, institution, "documents")


def test_a_photo_is_kept_and_listed(phone, institution, draft, address):
    response = phone.post(address, {"kind": "identity_front", "file": walk.photo()})
    assert response.status_code == 302
    page = body(phone.get(address))
    document = Document.objects.get()
    assert (document.kind, document.media_type) == ("identity_front", "image/jpeg")
    assert "Recibido" in page
    assert reverse("lending:document", args=[institution.slug, document.pk]) in page
    assert "recibimos «Tu DNI, lado de la foto»" in page


def test_the_same_photo_sent_again_is_kept_once(phone, address):
    for _ in range(2):
        assert phone.post(address, {"kind": "income", "file": walk.photo()}).status_code == 302
    assert Document.objects.count() == 1


def test_phones_offer_the_camera_for_what_is_photographed(phone, address):
    page = body(phone.get(address))
    assert page.count('capture="environment"') == 3
    assert 'accept="image/*,application/pdf"' in page


BAD_FILES = [
    ("nothing", None, "Elige una foto o un archivo"),
    ("empty", b"", "está vacío"),
    ("a program called photo", b"MZ\x90\x00" + b"\x00" * 400, "de otro tipo"),
    ("a page called photo", b"<html><script>alert(1)</script></html>", "de otro tipo"),
    ("half a photo", b"\xff\xd8\xff\xe0" + b"\x00" * 300, "dañada o incompleta"),
    ("a pdf with a program", b"%PDF-1.4 /JavaScript (x) %%EOF", "programas"),
    ("half a pdf", b"%PDF-1.4 and no end", "incompleto"),
    ("11 MB", b"\xff\xd8\xff" + b"\x00" * 11 * 1024 * 1024, "hasta 10 MB"),
]


@pytest.mark.parametrize(("content", "told"), [row[1:] for row in BAD_FILES], ids=[row[0] for row in BAD_FILES])
def test_a_file_that_is_not_what_it_says_gets_a_message(phone, address, content, told):
    data = {"kind": "identity_front"}
    if content is not None:
        data["file"] = SimpleUploadedFile("dni.jpg", content, content_type="image/jpeg")
    response = phone.post(address, data)
    assert response.status_code == 422
    page = body(response)
    assert "<title>Error: " in page
    assert page.count(told) >= 2  # in the summary and beside the field
    assert 'href="#identity_front_file"' in page
    assert Document.objects.count() == 0


def test_a_tampered_kind_gets_a_message(phone, address):
    response = phone.post(address, {"kind": "../../etc/passwd", "file": walk.photo()})
    assert response.status_code == 422
    assert "Elige qué documento es" in body(response)


def test_a_paper_is_taken_back(phone, institution, address):
    phone.post(address, {"kind": "other", "file": walk.photo()})
    document = Document.objects.get()
    remove = reverse("lending:document_remove", args=[institution.slug, document.pk])
    assert phone.get(remove).status_code == 405
    assert phone.post(remove)["Location"] == address
    assert Document.objects.count() == 0
    again = phone.post(remove)
    assert again.status_code == 404
    assert "Quizá ya lo quitaste" in body(again)


def test_a_stored_file_is_shown_sealed_off(phone, institution, address):
    phone.post(address, {"kind": "identity_front", "file": walk.photo()})
    document = Document.objects.get()
    response = phone.get(reverse("lending:document", args=[institution.slug, document.pk]))
    assert response.status_code == 200
    assert Image.open(BytesIO(response.content)).format == "JPEG"
    assert response["Content-Type"] == "image/jpeg"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Disposition"] == 'inline; filename="dni-lado-de-la-foto.jpg"'
    assert "sandbox" in response["Content-Security-Policy"]
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "private" in response["Cache-Control"]
    assert "no-store" in response["Cache-Control"]
    assert AuditEntry.objects.filter(event="lending.document.opened").count() == 1


def test_a_pdf_is_handed_over_as_a_file(phone, institution, address):
    pdf = SimpleUploadedFile("recibo.pdf", b"%PDF-1.4\n1 0 obj\nendobj\n%%EOF", content_type="image/png")
    phone.post(address, {"kind": "utility_bill", "file": pdf})
    response = phone.get(reverse("lending:document", args=[institution.slug, Document.objects.get().pk]))
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"].startswith("attachment; ")


@pytest.mark.parametrize(("who", "status"), [("applicant", 404), ("officer", 404), ("auditor", 404), ("cashier", 404)])
def test_papers_of_a_draft_are_its_owners_alone(phone, institution, address, actor_as, client_as, who, status):
    phone.post(address, {"kind": "other", "file": walk.photo()})
    document = Document.objects.get()
    stranger = client_as(actor_as(who))
    assert stranger.get(reverse("lending:document", args=[institution.slug, document.pk])).status_code == status
    assert stranger.post(reverse("lending:document_remove", args=[institution.slug, document.pk])).status_code == 404


def test_staff_may_look_once_it_was_sent(phone, institution, draft, address, client_as):
    phone.post(address, {"kind": "other", "file": walk.photo()})
    walk.fill(phone, institution, draft)
    phone.post(walk.url(draft, institution, "review"))
    look = reverse("lending:document", args=[institution.slug, Document.objects.get().pk])
    assert client_as("officer").get(look).status_code == 200
    assert client_as("cashier").get(look).status_code == 404
    assert (
        phone.post(reverse("lending:document_remove", args=[institution.slug, Document.objects.get().pk])).status_code
        == 409
    )


def test_another_institution_knows_nothing_of_it(phone, institution, other_institution, address):
    phone.post(address, {"kind": "other", "file": walk.photo()})
    document = Document.objects.get()
    assert phone.get(reverse("lending:document", args=[other_institution.slug, document.pk])).status_code == 404


def test_an_anonymous_visitor_is_asked_to_sign_in(institution, address, phone, anonymous_client):
    phone.post(address, {"kind": "other", "file": walk.photo()})
    look = reverse("lending:document", args=[institution.slug, Document.objects.get().pk])
    assert anonymous_client.get(look).status_code == 302


def test_the_page_with_papers_asks_the_database_little(phone, address, django_assert_max_num_queries):
    for number in range(4):
        phone.post(address, {"kind": "other", "file": walk.photo(size=(64 + number, 48))})
    with django_assert_max_num_queries(18):
        phone.get(address)
