import re
from decimal import Decimal
from pathlib import Path

import pytest

import lending
from lending.reasons import ADVICE, BLOCK, TEXTS, Reason, decline_choices, describe_months, label, reason_text, why_not


def test_money_rates_and_names_are_shown_as_people_write_them():
    assert Reason("fee", params={"fee": "90.00", "received": Decimal("2910")}).text == (
        "Cobra S/ 90 para afiliarte: recibes S/ 2,910."
    )
    assert reason_text("lowest_rate", {"tea": "0.325"}) == "Tasa de interés más baja (TEA 32.50%)."
    assert reason_text("region_not_served", {"regions": ["08", "21"]}).endswith("Atiende en Cusco, Puno.")
    assert reason_text("after_harvest", {"month": 5}) == "Pagas el capital en mayo, cuando cosechas."
    far = Reason("not_affordable", params={"installment": "120.50", "room": "100.00", "missing": 41})
    assert far.text == "La cuota más baja sería de S/ 120.50 y te alcanza hasta S/ 100 al mes."
    assert far.advice == "Te alcanzaría con 41 soles más de ingreso al mes, o menos en otras cuotas."
    assert describe_months(1) == "1 mes"
    assert describe_months(12) == "12 meses"


def test_a_reason_survives_storage():
    reason = Reason("less_than_asked", "bad", {"amount": Decimal("2500.00")})
    stored = Reason.from_json(reason.as_json())
    assert stored.as_json() == reason.as_json()
    assert stored.text == reason.text == "Presta S/ 2,500, menos de lo que pediste."
    assert stored.advice


def test_an_unknown_code_is_shown_rather_than_hidden():
    assert reason_text("brand_new") == "brand_new"
    assert Reason("brand_new").advice == ""
    assert label("brand_new") == "brand_new"


def test_an_officer_declines_with_words_the_applicant_will_read():
    choices = dict(decline_choices())
    assert "income_not_confirmed" in choices
    assert all("%" not in str(words) for words in choices.values())


def test_every_code_used_has_words():
    """Codes are written as `Reason("code"…`; each has a sentence here."""
    used = set()
    for path in Path(lending.__file__).parent.rglob("*.py"):
        if "tests" not in path.parts:
            used |= set(re.findall(r'Reason\(\s*"([a-z_]+)"', path.read_text(encoding="utf-8")))
    assert len(used) > 20
    assert used <= set(TEXTS)


@pytest.mark.parametrize("code", sorted(ADVICE))
def test_advice_belongs_to_a_text_and_uses_its_parameters(code):
    def names(template):
        return set(re.findall(r"%\((\w+)\)", str(template)))

    extra = {"gap", "missing", "shortest", "longest", "minimum_amount", "cap"}
    assert names(ADVICE[code]) <= names(TEXTS[code]) | extra


def test_advice_in_soles_stands_for_the_general_one():
    nothing = Reason("nothing_left", BLOCK)
    far = Reason("not_affordable", BLOCK, {"installment": "155.48", "room": "0", "missing": 1190})
    assert nothing.advice in why_not([nothing])
    told = why_not([nothing, far])
    assert nothing.text in told
    assert nothing.advice not in told
    assert told.endswith(far.advice)
