"""Village banks and guarantors."""

from datetime import date, time, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.clock import today
from accounts.crypto import lookup_hash
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry, User
from accounts.tenancy.scope import institution_scope
from accounts.tests.fixtures import OutsideClient
from lending.models import Applicant, GroupLoan, GroupMember, Guarantee, Installment, Loan, Restructure
from lending.selectors.groups import meeting_days, meeting_sheet
from lending.services import groups
from lending.services.refinancing import prepare_contract
from lending.services.restructures import approve_restructure, refinance_loan
from lending.tests.loans import START, active_loan, legal_caps, sign_refinancing, staff


@pytest.fixture
def flores(officer):
    return groups.form_group(
        actor=officer, name=" Las  Flores ", meets_at="Local comunal", weekday=2, meets_from=time(18), formed_on=START
    )


def document_of(person: Applicant) -> dict[str, str]:
    """The person's document, under the hash that the institution knows it by."""
    digest = lookup_hash(person.institution.uuid, f"document:{person.document_type}", person.document_number)
    Applicant.objects.filter(pk=person.pk).update(document_hash=digest)
    return {"document_type": person.document_type, "document_number": person.document_number}


@pytest.fixture
def lent(institution):
    """Three loans paid out to three people, and their documents."""
    loans = [active_loan(institution) for _person in range(3)]
    return [(loan, document_of(loan.applicant)) for loan in loans]


def joined(group, officer, lent):
    for loan, document in lent:
        groups.add_member(group_id=group.pk, actor=officer, **document)
        groups.take_loan_in(group_id=group.pk, actor=officer, number=loan.number)


def test_a_group_of_three_collects_at_its_meeting_what_fell_due(flores, officer, lent):
    joined(flores, officer, lent)
    assert flores.name == "Las Flores"
    first = Installment.objects.filter(loan_id=lent[0][0].pk).order_by("place").first()
    sheet = meeting_sheet(flores.pk, first.due_on)
    owed = first.principal + first.interest + first.insurance + first.fees
    assert [(line.due, line.overdue) for line in sheet.lines] == [(owed, 0)] * 3
    assert (sheet.total, sheet.capital) == (3 * owed, 9000)
    later = meeting_sheet(flores.pk, first.due_on + timedelta(weeks=4))
    assert [line.overdue for line in later.lines] == [owed] * 3
    assert GroupLoan.objects.filter(cycle=1).count() == 3
    assert AuditEntry.objects.filter(event="lending.group.loan_added").count() == 3


def test_what_is_paid_is_no_longer_collected(flores, officer, lent):
    joined(flores, officer, lent)
    first = Installment.objects.filter(loan_id=lent[0][0].pk).order_by("place").first()
    Installment.objects.filter(pk=first.pk).update(
        paid_principal=first.principal, paid_interest=first.interest, paid_insurance=first.insurance
    )
    sheet = meeting_sheet(flores.pk, first.due_on)
    assert sorted(line.due == 0 for line in sheet.lines) == [False, False, True]
    assert sheet.capital == 9000 - first.principal


def test_nobody_leaves_while_the_group_answers_for_their_loan(flores, officer, lent):
    joined(flores, officer, lent)
    member = GroupMember.objects.get(applicant_id=lent[0][0].applicant_id)
    with pytest.raises(InvalidState):
        groups.leave_group(member_id=member.pk, actor=officer)
    Loan.objects.filter(pk=lent[0][0].pk).update(status=Loan.Status.PAID)
    groups.leave_group(member_id=member.pk, actor=officer)
    groups.leave_group(member_id=member.pk, actor=officer)
    assert len(meeting_sheet(flores.pk, START).lines) == 2


def test_one_group_one_office_and_only_known_people(flores, officer, lent):
    other = groups.form_group(actor=officer, name="Los Andes", meets_at="Posta", weekday=0, meets_from=time(9))
    (loan, first), (_second_loan, second), _third = lent
    groups.add_member(group_id=flores.pk, actor=officer, role="president", **first)
    for wrong, field in (
        ({"group_id": other.pk, **first}, "document_number"),
        ({"group_id": flores.pk, "role": "president", **second}, "role"),
        ({"group_id": flores.pk, "document_type": "dni", "document_number": "40000001"}, "document_number"),
        ({"group_id": flores.pk, "document_type": "dni", "document_number": "4"}, "document_number"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            groups.add_member(actor=officer, **wrong)
        assert field in refusal.value.fields
    with pytest.raises(InvalidInput) as refusal:
        groups.take_loan_in(group_id=other.pk, actor=officer, number=loan.number)
    assert "number" in refusal.value.fields


def test_guarantors_answer_for_all_or_up_to_an_amount_and_are_let_go(institution, officer, cashier, lent):
    (loan, own), (_other_loan, guarantor), _third = lent
    given = groups.give_guarantee(
        loan_id=loan.pk, actor=officer, kind="guarantor", limit=Decimal("1500.00"), **guarantor
    )
    assert (given.limit, given.released_on) == (1500, None)
    for wrong, field in (
        ({**own, "kind": "guarantor"}, "document_number"),
        ({**guarantor, "kind": "guarantor"}, "document_number"),
        ({**guarantor, "kind": "friend"}, "kind"),
        ({**guarantor, "kind": "guarantor", "limit": Decimal(0)}, "limit"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            groups.give_guarantee(loan_id=loan.pk, actor=officer, **wrong)
        assert field in refusal.value.fields
    with pytest.raises(NotAllowed):
        groups.give_guarantee(loan_id=loan.pk, actor=cashier, kind="guarantor", **guarantor)
    for _twice in range(2):
        groups.release_guarantee(guarantee_id=given.pk, actor=officer)
    assert Guarantee.objects.get().released_on is not None
    groups.give_guarantee(loan_id=loan.pk, actor=officer, kind="codebtor", **guarantor)


def test_meetings_fall_on_the_groups_day(flores):
    days = meeting_days(flores, date(2026, 11, 26), 3)
    assert all(day.weekday() == 2 for day in days)
    assert days[0] >= date(2026, 11, 26)
    assert (days[1] - days[0]).days == 28


def test_an_officer_forms_a_group_and_prints_its_sheet(institution, officer, lent):
    browser = OutsideClient()
    browser.sign_in(User.objects.get(pk=officer.user_id))
    sent = {"name": "Las Rosas", "meets_at": "Plaza", "weekday": "4", "meets_from": "18:30", "every_weeks": "2"}
    address = browser.post(reverse("lending:desk_groups", args=["qori"]), sent)["Location"]
    (loan, person), *_others = lent
    assert browser.post(f"{address}members/", {**person, "role": "treasurer"}).status_code == 302
    refused = browser.post(f"{address}loans/", {"number": "999999"})
    assert refused.status_code == 422
    assert browser.post(f"{address}loans/", {"number": loan.number}).status_code == 302
    assert loan.applicant.full_name in browser.get(address).content.decode()
    sheet = browser.get(f"{address}sheet/?on=2026-04-03").content.decode()
    assert "Hoja de reunión de Las Rosas" in sheet
    assert "03/04/2026" in sheet
    page = reverse("lending:desk_guarantees", args=["qori", loan.pk])
    assert browser.post(page, {**lent[1][1], "kind": "surety", "limit": ""}).status_code == 302
    assert "Fiador solidario" in browser.get(page).content.decode()


def test_a_group_closes_once_it_answers_for_nothing(flores, officer, cashier, lent, other_institution, actor_as):
    joined(flores, officer, lent)
    with pytest.raises(InvalidState) as refusal:
        groups.close_group(group_id=flores.pk, actor=officer)
    assert "3 créditos" in str(refusal.value.message)
    Loan.objects.update(status="paid")
    with pytest.raises(NotAllowed):
        groups.close_group(group_id=flores.pk, actor=cashier)
    with institution_scope(other_institution.pk), pytest.raises(NotFound):
        groups.close_group(group_id=flores.pk, actor=actor_as("officer", at=other_institution))
    for _twice in range(2):
        assert groups.close_group(group_id=flores.pk, actor=officer).closed_on is not None
    assert not GroupMember.objects.filter(left_on=None).exists()
    assert AuditEntry.objects.filter(event="lending.group.closed").count() == 1
    with pytest.raises(InvalidState):
        groups.add_member(group_id=flores.pk, actor=officer, **lent[0][1])


def test_the_pages_close_it_and_the_loan_leads_to_who_answers(institution, flores, officer, lent, client_as):
    joined(flores, officer, lent)
    desk = client_as(officer)
    loan_page = desk.get(reverse("lending:desk_loan", args=["qori", lent[0][0].pk])).content.decode()
    assert reverse("lending:desk_group", args=["qori", flores.pk]) in loan_page
    assert reverse("lending:desk_guarantees", args=["qori", lent[0][0].pk]) in loan_page
    address = reverse("lending:desk_group_close", args=["qori", flores.pk])
    assert "todavía responde por 3" in desk.post(address, follow=True).content.decode()
    Loan.objects.update(status="paid")
    assert "Cerraste el grupo" in desk.post(address, follow=True).content.decode()
    listed = reverse("lending:desk_groups", args=["qori"])
    assert "Las Flores" not in desk.get(listed).content.decode()
    assert "Las Flores" in desk.get(listed, {"view": "closed"}).content.decode()
    shown = desk.get(reverse("lending:desk_group", args=["qori", flores.pk])).content.decode()
    assert "se cerró el" in shown
    assert "Incorporar" not in shown


def test_lists_cost_the_same_for_many(institution, flores, officer, lent, client_as, django_assert_max_num_queries):
    joined(flores, officer, lent[:1])
    desk, loan = client_as(officer), lent[0][0]
    places = (
        reverse("lending:desk_groups", args=["qori"]), reverse("lending:desk_group", args=["qori", flores.pk]),
        reverse("lending:desk_group_sheet", args=["qori", flores.pk]),
        reverse("lending:desk_guarantees", args=["qori", loan.pk]),
    )  # fmt: skip
    counts = {place: [] for place in places}
    for rest in ((), lent[1:]):
        joined(flores, officer, rest)
        for number, (_other, document) in enumerate(rest):
            groups.give_guarantee(loan_id=loan.pk, actor=officer, kind="guarantor", **document)
            groups.form_group(actor=officer, name=f"Grupo {number}", meets_at="Plaza", weekday=1, meets_from=time(9))
        for place in places:
            with django_assert_max_num_queries(20) as queries:
                assert desk.get(place).status_code == 200
            counts[place].append(len(queries))
    assert all(few == many for few, many in counts.values()), counts


class TestRefinancing:
    """The loan that replaces a member's loan stays under the group's word."""

    @pytest.fixture
    def old(self, institution, flores, officer) -> Loan:
        start = today() - timedelta(days=40)
        legal_caps(start)
        legal_caps(today())
        loan = active_loan(institution, disbursed_on=start, on=start)
        groups.add_member(group_id=flores.pk, actor=officer, **document_of(loan.applicant))
        return loan

    @pytest.fixture
    def authorised(self, institution, old):
        def authorise() -> Restructure:
            row = refinance_loan(
                loan_id=old.pk, actor=staff(institution, "officer"), installments=10, tea=Decimal("0.30"),
                reason="perdió la cosecha por la helada",
            )  # fmt: skip
            return approve_restructure(restructure_id=row.pk, actor=staff(institution, "approver"))

        return authorise

    def test_the_group_answers_on_and_its_contract_says_so(
        self, institution, flores, officer, old, authorised, client_as
    ):
        groups.take_loan_in(group_id=flores.pk, actor=officer, number=old.number)
        groups.take_loan_in(
            group_id=flores.pk, actor=officer, number=active_loan_of_another(flores, officer), new_cycle=True
        )
        row = authorised()
        contract = row.contracts.get()
        assert contract.summary["group"] == "Las Flores"
        words = {line["label"]: line["value"] for line in contract.summary["lines"]}
        assert words["Garantías"] == "Personales, de quienes siguen"
        assert words["Banco comunal"].startswith("Las Flores;")
        assert "Tu banco comunal" in {clause["title"] for clause in contract.summary["clauses"]}
        page = client_as(officer).get(reverse("lending:desk_contract", args=["qori", contract.pk]))
        assert "Las Flores responde por el crédito que este paga" in page.content.decode()
        new = sign_refinancing(row, on=today())
        kept = GroupLoan.objects.get(loan=new)
        assert (kept.group_id, kept.cycle) == (flores.pk, 1)
        entry = AuditEntry.objects.get(event="lending.group.loan_added", body__contains=str(new.pk))
        assert f'"refinances":"{old.pk}"' in entry.body.replace(" ", "")
        sheet = meeting_sheet(flores.pk, today())
        line = next(line for line in sheet.lines if line.name == old.applicant.full_name)
        assert (line.loan_id, line.capital) == (new.pk, new.principal)
        shown = client_as(officer).get(reverse("lending:desk_loan", args=["qori", new.pk])).content.decode()
        assert reverse("lending:desk_group", args=["qori", flores.pk]) in shown
        Loan.objects.exclude(pk=new.pk).filter(status="active").update(status="paid")
        with pytest.raises(InvalidState):
            groups.close_group(group_id=flores.pk, actor=officer)
        with pytest.raises(InvalidState):
            groups.leave_group(member_id=line.member_id, actor=officer)
        Loan.objects.update(status="paid")
        groups.close_group(group_id=flores.pk, actor=officer)

    def test_without_a_group_nothing_is_said_of_one(self, old, authorised):
        row = authorised()
        contract = row.contracts.get()
        assert "group" not in contract.summary
        assert "Banco comunal" not in {line["label"] for line in contract.summary["lines"]}
        assert not GroupLoan.objects.filter(loan=sign_refinancing(row, on=today())).exists()

    def test_taken_in_since_the_contract_was_prepared_it_is_prepared_again(self, flores, officer, old, authorised):
        row = authorised()
        groups.take_loan_in(group_id=flores.pk, actor=officer, number=old.number)
        with pytest.raises(InvalidState) as refusal:
            sign_refinancing(row, on=today())
        assert refusal.value.code == "contract_changed"
        old.refresh_from_db()
        assert old.status == "active"
        again = prepare_contract(restructure_id=row.pk, actor=officer)
        assert again.summary["group"] == "Las Flores"
        assert prepare_contract(restructure_id=row.pk, actor=officer) == again
        assert GroupLoan.objects.filter(loan=sign_refinancing(row, on=today())).exists()


def active_loan_of_another(group, officer) -> int:
    """The number of a second member's loan."""
    loan = active_loan(group.institution)
    groups.add_member(group_id=group.pk, actor=officer, **document_of(loan.applicant))
    return loan.number
