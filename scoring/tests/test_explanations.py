import json

import pytest
from django.utils import translation

from scoring.explanations import (
    LIMIT,
    Action,
    Reason,
    band,
    explain,
    main_reasons,
    reasons_of,
    tell,
    tell_all,
)
from scoring.features import FEATURES, features_of
from scoring.synthetic import borrowers, declared
from scoring.tests.samples import applicant, live_model


@pytest.mark.parametrize("segment", FEATURES)
def test_reasons_add_up_to_the_score_and_stay_the_same(segment):
    model = live_model(segment)
    for facts in declared(borrowers(segment, 100, seed=21), segment):
        scored, reasons = explain(model, facts)
        assert scored.base + sum(reason.points for reason in reasons) == scored.score
        assert explain(model, facts)[1] == reasons


def test_reasons_in_favour_come_first_and_the_heaviest_of_each_kind_first():
    _, reasons = explain(live_model("household"), applicant("household"))
    points = [reason.points for reason in reasons]
    assert points == sorted([p for p in points if p > 0], reverse=True) + sorted(p for p in points if p < 0)
    told = tell_all("household", [reason.as_json() for reason in reasons])
    in_favour, against = main_reasons(told, most=3)
    assert len(in_favour) == len(against) == 3
    assert all(reason.helps for reason in in_favour)
    assert not any(reason.helps for reason in against)


@pytest.mark.parametrize("segment", FEATURES)
def test_doing_what_is_advised_brings_exactly_the_points_promised(segment):
    model = live_model(segment)
    followed = 0
    for facts in declared(borrowers(segment, 150, seed=22), segment):
        scored, reasons = explain(model, facts)
        for action in (reason.action for reason in reasons if reason.action):
            followed += 1
            assert model.score({**facts, action.fact: action.value}).score - scored.score == action.points
            assert action.points > 0
            assert action.value != action.now
    assert followed > 100


@pytest.mark.parametrize("segment", FEATURES)
def test_advice_never_asks_for_more_than_its_goal_and_is_a_round_figure(segment):
    model = live_model(segment)
    levers = {feature.name: feature.lever for feature in features_of(segment)}
    for facts in declared(borrowers(segment, 150, seed=23), segment):
        _, reasons = explain(model, facts)
        advised = [reason.action.fact for reason in reasons if reason.action]
        assert len(advised) == len(set(advised))
        numbers = dict(zip(model.reader.numeric_facts, model.reader.numbers(facts), strict=False))
        for reason in reasons:
            if reason.action is None:
                continue
            assert reason.points < 0
            lever = levers[reason.feature]
            goal = lever.goal(numbers)
            low, high = sorted([reason.action.now, goal])
            assert low <= reason.action.value <= high
            assert round(reason.action.value / lever.step, 6) == pytest.approx(round(reason.action.value / lever.step))


def test_no_advice_is_given_on_an_unanswered_question():
    _, reasons = explain(live_model("household"), {"amount": 3000, "term_months": 12})
    assert {reason.action.fact for reason in reasons if reason.action} <= {"amount", "term_months"}


def test_reasons_survive_storage():
    _, reasons = explain(live_model("farm"), applicant("farm", lost_harvests=3, worst_delay_days=None))
    documents = json.loads(json.dumps([reason.as_json() for reason in reasons], allow_nan=False))
    assert [Reason.from_json(document) for document in documents] == reasons


def test_words_for_the_applicant():
    told = tell(
        "household",
        Reason("installment_to_surplus", -40, 0.5, Action("amount", 3000.0, 2400.0, 21)),
    )
    with translation.override("es"):
        assert told.label == "Cuota frente a lo que te queda libre"
        assert told.text == "Devolver el crédito usa 50 de cada 100 soles que te quedan libres."
        assert told.action == "Pide S/ 2,400 en lugar de S/ 3,000: tu puntaje subiría cerca de 21 puntos."
    missing = tell("household", Reason("savings_months", -5, None))
    assert missing.text == "No nos dijiste cuánto tienes ahorrado."
    pair = tell("household", Reason("creditors & debt_service", -7, [3.0, None]))
    assert pair.label == "Entidades a las que debes, junto con: otras cuotas frente al ingreso"
    assert "Debes a 3 entidades." in pair.text
    limit = tell("household", Reason(LIMIT, -12, None))
    assert limit.text == "El puntaje va de 300 a 850."


def test_a_reason_of_a_feature_that_is_gone_keeps_its_name():
    assert tell("farm", Reason("abolished", 3, 1.0)).text == "abolished"
    assert tell("farm", Reason("abolished & crop", 3, [1.0, 1.0])).text == "abolished & crop"


def test_what_the_scale_cut_off_is_a_row_of_its_own():
    model = live_model("household")
    best = applicant(
        "household",
        amount=500,
        monthly_income=9000,
        household_expenses=1000,
        other_installments=0,
        total_debt=0,
        creditors=0,
        past_loans=12,
        worst_delay_days=0,
        savings_balance=30000,
        housing="owned",
        employment="pensioner",
        employment_months=240,
        assets_value=400000,
        term_months=6,
        dependants=0,
    )
    scored = model.score(best)
    assert scored.score == 850
    assert scored.limit < 0
    assert reasons_of(model, scored)[-1] == Reason(LIMIT, scored.limit, None)


@pytest.mark.parametrize(("score", "name"), [(300, "low"), (579, "low"), (580, "medium"), (660, "good"), (850, "good")])
def test_bands(score, name):
    assert band(score) == name
