"""Fair lending in figures: hand-worked tables for the arithmetic, then frozen cases to summaries and back."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry
from accounts.tenancy.scope import institution_scope
from lending import disparity
from lending.disparity import FIRM, LOOK, REFERENCE, SMALL, UNKNOWN, WITHIN, Counts, compare
from lending.models import DisparityMonth, DisparityReply, FairnessAnswer
from lending.selectors.disparity import Choice, case_list, report, trend
from lending.services import disparity as service
from lending.services.decisions import decide_application, propose_decision, request_review
from lending.tests.factories import LendingPolicyFactory, submitted
from scoring.models import Outcome

# --- arithmetic -------------------------------------------------------------------------------------------------


def counts(cases, approved, **more):
    return Counts(cases=cases, decided=cases, approved=approved, **more)


def test_a_rate_has_wilsons_interval():
    found = disparity.rate(8, 10)
    assert (round(found.value, 4), round(found.low, 4), round(found.high, 4)) == (0.8, 0.4902, 0.9433)
    assert disparity.rate(0, 0) is None
    assert disparity.rate(0, 10).low == 0


def test_the_ratio_and_its_interval_by_hand():
    """45 of 100 against 60 of 100: 0.75; ln interval ±1.96·√(1/45−1/100+1/60−1/100) = ±0.2694."""
    found = disparity.ratio(45, 100, 60, 100)
    assert (round(found.value, 4), round(found.low, 4), round(found.high, 4)) == (0.75, 0.5729, 0.9819)
    assert disparity.ratio(5, 10, 0, 10) is None
    nothing = disparity.ratio(0, 40, 30, 60)
    assert nothing.value == 0
    assert 0 == nothing.low < nothing.high < 0.4


def test_the_gap_of_two_shares_by_newcombe():
    """Newcombe (1998), example (a): 56/70 − 48/80 = 0.2, from 0.0524 to 0.3339."""
    found = disparity.gap(56, 70, 48, 80)
    assert (round(found.value, 4), round(found.low, 4), round(found.high, 4)) == (0.2, 0.0524, 0.3339)


def test_signals_on_either_side_of_four_fifths():
    groups = compare(
        "sex",
        {"male": counts(1000, 700), "female": counts(1000, 500), "other": counts(29, 29), "": counts(200, 50)},
    )
    assert {one.group: one.signal for one in groups} == {
        "male": REFERENCE,
        "female": FIRM,
        "other": SMALL,
        "": UNKNOWN,
    }
    close = compare("area", {"urban": counts(100, 60), "rural": counts(100, 47)})
    assert [one.signal for one in close] == [REFERENCE, LOOK]
    fine = compare("area", {"urban": counts(100, 75), "rural": counts(100, 60)})
    assert [one.signal for one in fine] == [REFERENCE, WITHIN]
    turned = compare("area", {"urban": counts(1000, 300), "rural": counts(1000, 500)})
    assert turned[1].signal == FIRM, "the reference may be the one that fares worse"


def test_few_cases_are_suppressed_and_their_neighbour_too_if_it_would_give_them_away():
    groups = {"spanish": counts(500, 300), "quechua": counts(40, 20), "aymara": counts(3, 1)}
    assert disparity.suppressed(groups) == {"aymara", "quechua"}
    assert disparity.suppressed({**groups, "other": counts(9, 1)}) == {"aymara", "other"}
    two = {"spanish": counts(500, 300), "aymara": counts(9, 1), "other": counts(9, 1)}
    assert disparity.suppressed(two) == {"aymara", "other"}
    assert disparity.suppressed({"spanish": counts(500, 300), "aymara": counts(10, 1)}) == frozenset()
    hidden = [one for one in compare("language", groups) if one.suppressed]
    assert {(one.group, one.counts, one.approval) for one in hidden} == {
        ("aymara", Counts(), None),
        ("quechua", Counts(), None),
    }


def test_the_largest_group_stands_in_for_a_reference_with_too_few_cases():
    assert disparity.reference_of("language", {"spanish": counts(29, 20), "quechua": counts(90, 50)}) == "quechua"
    assert disparity.reference_of("language", {"quechua": counts(20, 5), "": counts(900, 5)}) is None


def test_price_calibration_time_and_overrides_are_told_beside_the_reference():
    observed = {"observed": 60, "defaulted": 6, "expected": Decimal("6.6"), "good": 54, "good_approved": 50}
    base = counts(100, 80, **observed, priced=80, tea_sum=Decimal(32), tcea_sum=Decimal(36), hours_sum=Decimal(200))
    observed = {"observed": 40, "defaulted": 8, "expected": Decimal("3.2"), "good": 32, "good_approved": 24}
    reviews = {"reviews": 5, "reviews_approved": 2, "hours_sum": Decimal(900)}
    rural = counts(100, 70, **observed, **reviews, priced=70, tea_sum=Decimal("31.5"), tcea_sum=Decimal(35))
    found = compare("area", {"urban": base, "rural": rural})[1]
    assert round(found.tpr_gap.value, 4) == round(24 / 32 - 50 / 54, 4)
    assert (round(found.realised.value, 2), round(found.expected, 2)) == (0.2, 0.08)
    assert (found.tea, round(found.tea_gap, 4), found.hours, found.overridden) == (0.45, 0.05, 9, None)
    assert (found.reviews, found.reviews_approved) == (5, 2)


@pytest.mark.parametrize(
    ("years", "band"), [(18, "18-24"), (24, "18-24"), (25, "25-29"), (59, "45-59"), (60, "60+"), (None, "")]
)
def test_age_bands(years, band):
    assert disparity.age_band(years) == band


# --- what people say of themselves ------------------------------------------------------------------------------


def owner_of(application):
    from accounts.actors import Actor
    from accounts.models import Membership

    return Actor.for_membership(Membership.objects.get(user_id=application.owner_id))


@pytest.fixture
def application(assessed):
    return assessed("household")


def answered(application, **answers):
    return service.answer_fairness(application_id=application.pk, actor=owner_of(application), answers=answers)


def test_answers_are_kept_changed_and_taken_back(application):
    assert answered(application, sex="female", language="quechua")
    assert answered(application, sex="female")
    assert FairnessAnswer.objects.filter(application_id=application.pk).count() == 1
    assert not answered(application)
    assert not FairnessAnswer.objects.exists()
    events = AuditEntry.objects.filter(event__startswith="lending.fairness").order_by("at_us")
    assert [one.event.rpartition(".")[2] for one in events] == ["answered", "answered", "taken_back"]
    assert all("female" not in one.body and "quechua" not in one.body for one in events)


def test_only_the_applicant_answers_and_only_after_sending(application, officer, applicant, institution):
    for stranger in (officer, applicant):
        with pytest.raises(NotFound):
            service.answer_fairness(application_id=application.pk, actor=stranger, answers={"sex": "male"})
    with pytest.raises(InvalidInput) as refusal:
        answered(application, sex="both", area="moon")
    assert set(refusal.value.fields) == {"sex", "area"}
    from lending.services.applications import start_application

    draft = start_application(actor=applicant, segment="household")
    with pytest.raises(InvalidState):
        service.answer_fairness(application_id=draft.pk, actor=applicant, answers={"sex": "male"})


@pytest.mark.parametrize("column", ["sex", "area", "language", "ethnicity"])
def test_the_role_that_scores_and_decides_cannot_read_an_answer(application, column):
    answered(application, sex="female", area="rural", language="quechua", ethnicity="quechua")
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        list(FairnessAnswer.objects.values_list(column, flat=True))
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE lending_fairnessanswer SET {column} = ''")
    assert FairnessAnswer.objects.values_list("answered_at", flat=True).count() == 1


# --- summaries --------------------------------------------------------------------------------------------------


@pytest.fixture
def decided(institution, ready, actor_as):
    """Four applications: approved by the program, referred, declined and then approved on review, declined."""
    from lending.services.assessments import assess_waiting

    with institution_scope(institution.pk):
        made = [submitted(institution, **changes) for changes in ({}, {"amount": Decimal(6000), "term_months": 18})]
        assess_waiting(institution_id=institution.pk)
        LendingPolicyFactory(institution=institution, number=9, decline_below=850, approve_from=850)
        made += [submitted(institution, facts={"worst_delay_days": 120}) for _ in range(2)]
        assess_waiting(institution_id=institution.pk)
        for one in made:
            one.refresh_from_db()
    assert [one.status for one in made] == ["approved", "referred", "declined", "declined"]
    with institution_scope(institution.pk):
        for one, answers in zip(
            made, ({"sex": "female", "area": "rural"}, {"sex": "male"}, {"sex": "female"}, {}), strict=True
        ):
            if answers:
                answered(one, **answers)
        request_review(application_id=made[2].pk, actor=owner_of(made[2]), message="Revisen")
        officer, approver = actor_as("officer"), actor_as("approver")
        proposal = propose_decision(
            application_id=made[2].pk, actor=officer, outcome="approve", rationale="Visita conforme y aval firmado.",
            amount=Decimal(1000), term_months=6,
        )  # fmt: skip
        decide_application(proposal_id=proposal.pk, actor=approver, agree=True, rationale="De acuerdo con la visita.")
        Outcome.objects.create(
            institution=institution, application_id=made[0].pk, segment="household",
            started_on=today() - timedelta(days=400), observed_until=today(),
        )  # fmt: skip
    return made


def whole_of(institution):
    with institution_scope(institution.pk):
        return report(DisparityMonth.objects.all(), Choice(today(), today()))


@pytest.mark.transactional
def test_summaries_are_the_sums_of_the_frozen_cases(decided, institution):
    assert service.summarise() > 7
    found = whole_of(institution).whole
    assert (found.cases, found.decided, found.approved) == (4, 3, 2)
    assert (found.observed, found.good, found.good_approved, found.defaulted) == (1, 1, 1, 0)
    assert (found.judged, found.raised, found.lowered) == (1, 1, 0)
    assert (found.reviews, found.reviews_approved, found.reviews_declined) == (1, 1, 0)
    assert found.priced >= 2
    with institution_scope(institution.pk):
        by_sex = dict(DisparityMonth.objects.filter(dimension="sex").values_list("group", "approved").order_by("group"))
    assert by_sex == {"": 0, "female": 2, "male": 0}


@pytest.mark.transactional
def test_the_command_recomputes_and_names_a_summary_that_lies(decided, institution, superuser, capsys):
    call_command("summarise_fairness", "--json")
    call_command("summarise_fairness", "--check", "--json")
    assert '"differences": 0' in capsys.readouterr().out
    superuser.run(
        "UPDATE lending_disparitymonth SET approved = approved + 1 WHERE dimension = 'sex' AND \"group\" = 'male'"
    )
    with pytest.raises(SystemExit):
        call_command("summarise_fairness", "--check", "--json")
    said = capsys.readouterr()
    assert '"differences": 1' in said.out
    assert "sex, male" in said.err
    call_command("summarise_fairness", "--institution", "qori", "--since", today().isoformat())
    call_command("summarise_fairness", "--check")
    with pytest.raises(CommandError, match="nadie"):
        call_command("summarise_fairness", "--institution", "nadie")


@pytest.mark.transactional
def test_todays_data_change_nothing_of_what_was_frozen(decided, institution):
    service.summarise()
    before = whole_of(institution)
    with institution_scope(institution.pk):
        for one in decided:
            one.applicant.birth_on = one.applicant.birth_on.replace(year=1950)
            one.applicant.region = "01"
            one.applicant.save()
    service.summarise()
    assert whole_of(institution) == before


@pytest.mark.transactional
def test_the_case_list_is_as_long_as_the_figure(decided, institution, regulator):
    service.summarise()
    from accounts.tenancy.scope import regulator_scope

    choice = Choice(today(), today())
    with regulator_scope(regulator.user_id):
        total, rows = case_list("regulator", institution.pk, choice, "sex", "female", "approved", 0, 50)
        assert (total, len(rows)) == (2, 2)
        assert {row["number"] for row in rows} == {decided[0].number, decided[2].number}
        assert case_list("regulator", institution.pk, choice, "all", "", "raised", 0, 50)[0] == 1
        with pytest.raises(KeyError):
            case_list("regulator", institution.pk, choice, "sex", "female", "nonsense", 0, 50)
    with institution_scope(institution.pk):
        assert [month for month, _groups in trend(DisparityMonth.objects.all(), choice, "sex")] == [
            today().replace(day=1)
        ]


# --- replies ----------------------------------------------------------------------------------------------------


def test_a_manager_replies_in_writing(manager, officer):
    says = {"dimension": "language", "group": "quechua", "since": today(), "until": today()}
    reply = service.reply_to_disparity(actor=manager, text="La diferencia viene de documentos incompletos.", **says)
    assert reply.since == today().replace(day=1)
    assert AuditEntry.objects.filter(event="lending.fairness.replied").count() == 1
    with pytest.raises(NotAllowed):
        service.reply_to_disparity(actor=officer, text="La diferencia viene de documentos incompletos.", **says)
    with pytest.raises(InvalidInput) as refusal:
        service.reply_to_disparity(
            actor=manager, text="corto", **{**says, "dimension": "moon", "until": today() - timedelta(days=40)}
        )
    assert set(refusal.value.fields) == {"dimension", "text", "until"}
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        DisparityReply.objects.update(text="otra cosa", written_at=timezone.now())
