"""Pages for the book: a file goes up, reports of a closed day come down; who is told what after a close."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.actors import Actor
from accounts.clock import today
from accounts.models import AuditEntry, OutboxEvent
from accounts.tenancy.scope import institution_scope
from lending.models import Loan, Notification, PortfolioImport
from lending.selectors.risk import states_on
from lending.selectors.sbs_reports import ANNEX_5, ANNEX_6, rows
from lending.services.closing import close_day
from lending.services.generation import generate_portfolio
from lending.services.importing import import_waiting
from lending.services.reminders import EVENT, queue_reminders, write_reminders
from lending.tests.test_importing import LOAN, a_file, good_file, product

__all__ = ["product"]
SYSTEM = Actor.system("tests")


@pytest.fixture
def closed(institution):
    """A book of 120 loans, closed yesterday."""
    on = today() - timedelta(days=1)
    generate_portfolio(institution=institution, actor=SYSTEM, loans=120, seed=11, on=on)
    close_day(institution_id=institution.pk, actor=SYSTEM, on=on)
    return on


def test_both_reports_add_up_to_the_book(institution, closed):
    with institution_scope(institution.pk):
        states = list(states_on(closed))
        principal, provision = sum(s.principal for s in states), sum(s.provision for s in states)
        fifth, sixth = list(rows(ANNEX_5, closed)), list(rows(ANNEX_6, closed))
        for report, first_money in ((fifth, 5), (sixth, 8)):
            assert sum(row[first_money + 4] for row in report) == principal
            assert sum(row[first_money + 6] for row in report) == provision
            for row in report:
                current, refinanced, past_due, judicial, whole = row[first_money : first_money + 5]
                assert current + refinanced + past_due + judicial == whole
        keys = Loan.objects.filter(status="active").values_list("applicant_id", "credit_type", "currency").distinct()
        assert len(sixth) == len(keys)
        assert all(len(row[1]) == 8 and row[1].isdigit() for row in sixth)
        assert sum(row[7] for row in sixth) == len(states)


def test_a_report_is_downloaded_and_its_making_is_evidence(institution, closed, client_as, auditor):
    browser = client_as(auditor)
    page = browser.get(reverse("lending:desk_reports", args=[institution.slug]))
    address = reverse("lending:desk_report_file", args=[institution.slug, ANNEX_5, closed.isoformat()])
    assert address in page.content.decode()
    answer = browser.get(address)
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert text.splitlines()[0].startswith("Tipo de crédito,Moneda")
    assert "0 Normal" in text
    with institution_scope(institution.pk):
        assert AuditEntry.objects.filter(body__contains='"lending.report.made"').count() == 1
    other = reverse("lending:desk_report_file", args=[institution.slug, ANNEX_5, "2020-01-01"])
    assert browser.get(other).status_code == 404


def test_a_manager_uploads_a_book_and_reads_what_to_mend(institution, product, client_as, manager, tmp_path):
    browser, address = client_as(manager), reverse("lending:desk_import", args=[institution.slug])
    bad = a_file(tmp_path, loans=[{**LOAN, "credito": "B-1", "tea": "x"}], name="mala.csv")
    sent = browser.post(address, {"file": SimpleUploadedFile("mala.csv", bad.read_bytes()), "on": "2026-11-20"})
    assert sent.status_code == 302
    assert import_waiting(institution.pk) == 1
    page = browser.get(address).content.decode()
    assert "mala.csv" in page
    assert "hay 1 celda por corregir" in page
    good = good_file(tmp_path).read_bytes()
    browser.post(address, {"file": SimpleUploadedFile("buena.csv", good), "on": "2026-11-20"})
    import_waiting(institution.pk)
    assert "2 créditos, 2 clientes, 5 pagos" in browser.get(address).content.decode()
    with institution_scope(institution.pk):
        assert PortfolioImport.objects.get(name="buena.csv").sha256
    refused = browser.post(address, {"file": SimpleUploadedFile("x.pdf", b"x"), "on": "2026-11-20"})
    assert refused.status_code == 422
    template = browser.get(reverse("lending:desk_import_template", args=[institution.slug, "xlsx"]))
    assert b"".join(template.streaming_content)[:2] == b"PK"


def test_reminders_are_queued_once_a_close_and_written_once(institution, closed):
    with institution_scope(institution.pk):
        queued = OutboxEvent.objects.filter(name=EVENT)
        due = [closed + timedelta(days=3), *(closed - timedelta(days=n) for n in (1, 8, 15, 30))]
        assert queued.count() == Loan.objects.filter(status="active", next_due_on__in=due).count() > 0
        expected = queued.count()
        assert queue_reminders(closed - timedelta(days=30)) == 0  # a close that catches up stays silent
    close_day(institution_id=institution.pk, actor=SYSTEM, on=closed)
    assert write_reminders(institution.pk) == expected
    assert write_reminders(institution.pk) == 0
    with institution_scope(institution.pk):
        written = Notification.objects.filter(loan__isnull=False)
        assert written.count() == expected
        assert all("crédito" in one.body for one in written)
