"""A live model's fairness is watched by what applications themselves tell, never by what is answered apart."""

from decimal import Decimal

from accounts.actors import Actor
from accounts.tenancy.scope import institution_scope
from lending.models import Application
from lending.selectors.watched_groups import age_bands, regions
from scoring import groups
from scoring.models import Alarm, Score, ScoringModel
from scoring.services.monitoring import watch_models


def test_a_look_at_live_models_compares_ages_and_regions(institution, assessed):
    old, young = assessed(region="08"), assessed(region="15")
    Application.objects.filter(pk=old.pk).update(age_years=61)
    Application.objects.filter(pk=young.pk).update(age_years=None)
    (report,) = (
        one
        for one in watch_models(institution=institution, actor=Actor.system("test", institution_id=institution.pk))
        if one.applications
    )
    rows = {name: {one["group"]: one["rows"] for one in found} for name, found in report.found["fairness"].items()}
    assert rows == {"age": {"60+": 1}, "region": {"Cusco": 1, "Lima": 1}}


def test_a_region_hardly_served_rings(institution, assessed):
    """Frozen scores of 60 people in each of two regions, one of them nearly always above the cut-off."""
    first = assessed()
    score = Score.objects.get(application_id=first.pk)
    people = []
    for place in range(120):
        people.append(
            Application(
                institution_id=institution.pk,
                number=90_000 + place,
                segment="household",
                facts={"region": "15" if place % 2 else "08"},
                age_years=35,
                status="submitted",
            )
        )
    Application.objects.bulk_create(people)
    Score.objects.bulk_create(
        Score(
            institution_id=institution.pk,
            application_id=one.pk,
            segment="household",
            model_id=score.model_id,
            model_sha256=score.model_sha256,
            pd=Decimal("0.05") if one.facts["region"] == "15" else Decimal("0.30"),
            score=600,
            base_points=600,
            reasons=[],
            inputs=score.inputs,
        )
        for one in people
    )
    watch_models(institution=institution, actor=Actor.system("test", institution_id=institution.pk))
    assert set(Alarm.objects.filter(kind=Alarm.Kind.FAIRNESS).values_list("subject", flat=True)) == {"region: Cusco"}
    assert ScoringModel.objects.get(pk=score.model_id).status == ScoringModel.Status.CHAMPION


def test_only_facts_that_lending_may_hand_over_are_watched():
    assert set(groups._sources) == {"age", "region"}


def test_nobody_elses_people_are_told(institution, other_institution, assessed):
    mine = assessed()
    with institution_scope(other_institution.pk):
        assert age_bands([mine.pk]) == regions([mine.pk]) == {}
