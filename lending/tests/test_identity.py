from datetime import date

import pytest

from lending.identity import BadIdentity, age_on, clean_document, clean_identity, clean_name, clean_phone, clean_ruc

ON = date(2026, 11, 23)
GOOD = {
    "full_name": "  María   Quispe Mamani ",
    "document_number": "10117410",
    "birth_on": "1988-05-23",
    "phone": "987 654 321",
    "region": "08",
}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("10117410", "10117410"), ("10117410-2", "10117410"), ("10117410-G", "10117410"), (" 1011 7410 ", "10117410")],
)
def test_a_dni_is_kept_as_its_eight_digits(typed, kept):
    assert clean_document("dni", typed) == kept


@pytest.mark.parametrize(
    "typed", ["", "1011741", "10117410-3", "1011741a", "101174100000", "😀😀😀😀😀😀😀😀", "١٠١١٧٤١٠", "x" * 1000]
)
def test_a_wrong_dni_is_refused_in_words(typed):
    with pytest.raises(BadIdentity) as refusal:
        clean_document("dni", typed)
    assert refusal.value.message


@pytest.mark.parametrize("typed", ["001234567", "AB12345678"])
def test_a_foreigners_card_has_nine_to_twelve_signs(typed):
    assert clean_document("ce", typed) == typed


@pytest.mark.parametrize(("typed", "kept"), [("", ""), ("20512333797", "20512333797"), ("10101174102", "10101174102")])
def test_a_ruc_has_a_right_check_digit(typed, kept):
    assert clean_ruc(typed) == kept


def test_the_old_prefix_16_is_known():
    assert clean_ruc("16101174101") == "16101174101"
    with pytest.raises(BadIdentity):
        clean_ruc("16101174102")


@pytest.mark.parametrize("typed", ["20512333798", "2051233379", "30512333797", "ruc"])
def test_a_wrong_ruc_is_refused(typed):
    with pytest.raises(BadIdentity):
        clean_ruc(typed)


@pytest.mark.parametrize("typed", ["987654321", "+51 987-654-321", "0051987654321"])
def test_a_mobile_is_kept_with_its_country(typed):
    assert clean_phone(typed) == "+51987654321"


@pytest.mark.parametrize("typed", ["12345", "084 123456", "+1 202 555 0101", "nueve"])
def test_what_is_no_peruvian_mobile_is_refused(typed):
    with pytest.raises(BadIdentity):
        clean_phone(typed)


@pytest.mark.parametrize("typed", ["María", "X1 Y2", "<b>María Quispe</b>", "María Quispe😀", "", "a" * 200])
def test_a_name_has_letters_and_a_surname(typed):
    with pytest.raises(BadIdentity):
        clean_name(typed)


def test_control_characters_are_taken_out():
    assert clean_name("María\x00 Quispe\u200b") == "María Quispe"


def test_a_good_identity_is_made_uniform():
    identity, errors = clean_identity(GOOD, ON)
    assert not errors
    assert (identity.full_name, identity.document_type, identity.phone) == (
        "María Quispe Mamani",
        "dni",
        "+51987654321",
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"birth_on": "2030-01-01"}, "birth_on"),
        ({"birth_on": "2010-01-01"}, "birth_on"),
        ({"birth_on": "1890-01-01"}, "birth_on"),
        ({"birth_on": "31/02/1990"}, "birth_on"),
        ({"birth_on": None}, "birth_on"),
        ({"email": "maria@"}, "email"),
        ({"phone": ""}, "phone"),
        ({"document_type": "brevete"}, "document_type"),
        ({"ruc": "10409188214"}, "ruc"),
    ],
)
def test_what_is_wrong_is_named_by_field(change, field):
    identity, errors = clean_identity({**GOOD, **change}, ON)
    assert identity is None
    assert list(errors) == [field]


def test_a_mail_instead_of_a_mobile_is_enough():
    identity, errors = clean_identity({**GOOD, "phone": "", "email": "Maria@Ejemplo.pe"}, ON)
    assert not errors
    assert identity.email == "maria@ejemplo.pe"


def test_age_counts_whole_years():
    assert age_on(date(1988, 11, 24), ON) == 37
    assert age_on(date(1988, 11, 23), ON) == 38
