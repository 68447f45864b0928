from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db.models import F, Max, Q, Sum, Value

from accounts.models import Institution
from lending.fields import MoneyField
from lending.forms_fields import AmountFormField


class TestMoneyField:
    field = MoneyField()

    def test_stores_centimos_and_gives_back_soles(self):
        assert self.field.get_prep_value(Decimal("3000.50")) == 300050
        assert self.field.from_db_value(300050, None, None) == Decimal("3000.50")
        assert self.field.get_prep_value(None) is None is self.field.from_db_value(None, None, None)

    @pytest.mark.parametrize("value", [1.5, Decimal("1.001"), Decimal("NaN")])
    def test_refuses_floats_and_third_decimals(self, value):
        with pytest.raises((TypeError, ValueError)):
            self.field.get_prep_value(value)
        with pytest.raises(ValidationError):
            self.field.to_python(value)

    def test_survives_a_fixture(self):
        assert self.field.to_python("3000.50") == Decimal("3000.50")
        with pytest.raises(ValidationError):
            self.field.to_python("mucho")

    def test_aggregates_to_decimal_soles(self):
        total = Sum(Value(Decimal("3.50"), output_field=MoneyField()))
        assert isinstance(total.output_field, MoneyField)
        difference = Value(Decimal(3), MoneyField()) - Value(Decimal(1), MoneyField())
        assert isinstance(difference.output_field, MoneyField)

    def test_its_form_field_reads_amounts(self):
        assert isinstance(self.field.formfield(), AmountFormField)


@pytest.mark.django_db
class TestMoneyFieldInTheDatabase:
    """On PostgreSQL, where a sum of bigint comes back numeric."""

    @pytest.fixture
    def rows(self, institution):
        return Institution.objects.filter(pk=institution.pk).annotate(
            fee=Value(Decimal("3.50"), output_field=MoneyField()),
            paid=Value(Decimal("1.25"), output_field=MoneyField()),
        )

    def test_sums_and_extremes_are_soles(self, rows):
        sums = rows.aggregate(total=Sum("fee"), most=Max("fee"), none=Sum("fee", filter=Q(fee__lt=1), default=0))
        assert {name: str(value) for name, value in sums.items()} == {"total": "3.50", "most": "3.50", "none": "0.00"}

    def test_filters_and_differences_speak_soles(self, rows):
        assert rows.filter(fee__gt=Decimal("3.49"), fee__in=[Decimal("3.50")], fee__range=(3, 4)).exists()
        assert not rows.filter(fee__gt=Decimal("3.50")).exists()
        assert str(rows.annotate(left=F("fee") - F("paid")).get().left) == "2.25"

    def test_a_float_never_reaches_it(self, rows):
        with pytest.raises(TypeError):
            rows.filter(fee=3.5).exists()
