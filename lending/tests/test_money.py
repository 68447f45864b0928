from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from accounts.formats import format_money, format_percent
from lending.forms_fields import AmountFormField
from lending.money import (
    MAX_AMOUNT,
    AmbiguousAmount,
    NotAnAmount,
    format_soles,
    from_centimos,
    parse_amount,
    round_money,
    to_centimos,
)

soles = st.integers(0, to_centimos(MAX_AMOUNT)).map(from_centimos)


@pytest.fixture(autouse=True)
def spanish():
    with translation.override("es"):
        yield


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("3000", "3000.00"),
        ("3,000.50", "3000.50"),
        ("3.000,50", "3000.50"),
        ("3,000.5", "3000.50"),
        ("S/ 3 000", "3000.00"),
        ("S/. 3\u00a0000,50", "3000.50"),
        ("s/3000", "3000.00"),
        ("1450 soles", "1450.00"),
        ("  1450.5  ", "1450.50"),
        ("1450.", "1450.00"),
        (".50", "0.50"),
        ("0,5", "0.50"),
        ("0", "0.00"),
        ("1,234,567", "1234567.00"),
        ("1.234.567,89", "1234567.89"),
        ("1'200,000.00", "1200000.00"),
        ("1'200,000", "1200000.00"),
        ("1’200", "1200.00"),
        ("３０００．５０", "3000.50"),
        ("PEN 250", "250.00"),
        ("3000,00", "3000.00"),
        ("999999999999.99", "999999999999.99"),
    ],
)
def test_amounts_are_read_as_people_write_them(typed, amount):
    assert str(parse_amount(typed)) == amount


@pytest.mark.parametrize(
    ("typed", "question"),
    [
        ("3.000", "¿Quieres decir 3000 o 3.00? Escribe 3000 o 3.00"),
        ("3,000", "¿Quieres decir 3000 o 3.00? Escribe 3000 o 3.00"),
        ("S/ 12,550", "¿Quieres decir 12550 o 12.55? Escribe 12550 o 12.55"),
        ("1,455", "¿Quieres decir 1455? Escribe 1455, sin punto ni coma"),
    ],
)
def test_one_separator_and_three_digits_asks_which_is_meant(typed, question):
    with pytest.raises(AmbiguousAmount) as caught:
        parse_amount(typed)
    assert caught.value.message == question


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("98O", "letters"),
        ("mil", "letters"),
        ("1e5", "letters"),
        ("NaN", "letters"),
        ("Infinity", "letters"),
        ("US$ 300", "letters"),
        ("-5", "negative"),
        ("−5", "negative"),
        ("5-", "negative"),
        ("(5)", "negative"),
        ("S/ -5", "negative"),
        ("-1e5", "negative"),
        ("1" + "0" * 18, "too_large"),
        ("1000000000000", "too_large"),
        ("9" * 1_000_000, "too_long"),
        ("😀", "not_a_number"),
        ("3000😀", "not_a_number"),
        ("", "not_a_number"),
        ("S/", "not_a_number"),
        (".", "not_a_number"),
        ("٣٠٠٠", "not_a_number"),
        ("10²", "not_a_number"),
        ("3 00", "not_a_number"),
        ("1,00,00", "not_a_number"),
        ("1.234,567.89", "not_a_number"),
        ("1..5", "not_a_number"),
        ("3000.505", "decimals"),
        ("0.500", "decimals"),
        ("3,000.505", "decimals"),
        ("3 000,500", "decimals"),
        ("5\x00", "not_a_number"),
    ],
)
def test_what_is_no_amount_is_refused_with_its_reason(typed, code):
    with pytest.raises(NotAnAmount) as caught:
        parse_amount(typed)
    assert caught.value.code == code


def test_messages_name_what_was_asked():
    with pytest.raises(NotAnAmount) as caught:
        parse_amount("98O", subject="El gasto del hogar")
    assert caught.value.message == "El gasto del hogar debe ser un número, sin letras"


@given(soles)
def test_a_shown_amount_reads_back_as_itself(amount):
    assert parse_amount(format_money(amount)) == amount
    assert from_centimos(to_centimos(amount)) == amount


@given(st.text(max_size=60))
def test_any_text_is_an_amount_or_a_clear_refusal(text):
    try:
        amount = parse_amount(text)
    except NotAnAmount:
        return
    assert 0 <= amount <= MAX_AMOUNT
    assert amount == round_money(amount)


@pytest.mark.parametrize("value", [1.5, True, "3000", None])
def test_only_decimals_and_ints_are_money(value):
    with pytest.raises(TypeError):
        to_centimos(value)


@pytest.mark.parametrize("value", ["0.001", "NaN", "Infinity"])
def test_what_has_no_exact_centimos_is_refused(value):
    with pytest.raises(ValueError):
        to_centimos(Decimal(value))


def test_amounts_and_rates_are_shown_the_peruvian_way():
    assert format_money(Decimal(3000)) == "S/ 3,000.00"
    assert format_money(Decimal("-285.5")) == "−S/ 285.50"
    assert format_money(Decimal("-0.001")) == "S/ 0.00"
    assert format_soles(Decimal("3000.00")) == "S/ 3,000"
    assert format_soles(Decimal("3000.50")) == "S/ 3,000.50"
    assert format_percent(Decimal("0.38106")) == "38.11%"
    assert format_percent(Decimal("0.5"), decimals=0) == "50%"
    assert round_money(Decimal("0.005")) == Decimal("0.01")


class TestAmountFormField:
    def test_cleans_to_soles(self):
        assert AmountFormField().clean("S/ 3,000.50") == Decimal("3000.50")
        assert AmountFormField(required=False).clean("") is None

    def test_range_is_explained(self):
        field = AmountFormField(min_value=Decimal(500), max_value=Decimal(20000))
        with pytest.raises(ValidationError) as caught:
            field.clean("300")
        assert caught.value.messages == ["El monto va de S/ 500 a S/ 20,000"]

    def test_a_refused_text_is_shown_again_as_typed(self):
        from django import forms

        class Form(forms.Form):
            amount = AmountFormField()

        form = Form({"amount": "3,000"})
        assert not form.is_valid()
        assert form["amount"].value() == "3,000"
        assert 'inputmode="decimal"' in str(form["amount"])

    def test_unchanged_amounts_are_not_changes(self):
        field = AmountFormField(required=False)
        assert not field.has_changed(Decimal("3000.00"), "S/ 3 000")
        assert field.has_changed(Decimal("3000.00"), "3001")
        assert field.has_changed(None, "98O")
