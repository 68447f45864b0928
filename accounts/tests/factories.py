"""Rows for tests. Institution-owned rows are made in the scope of their institution, whatever is open."""

from datetime import date
from typing import Any

import factory
from allauth.account.models import EmailAddress
from factory.django import DjangoModelFactory

from accounts.models import Institution, Membership, RegulatorMandate, User
from accounts.tenancy.scope import institution_scope


class InstitutionFactory(DjangoModelFactory):
    class Meta:
        model = Institution

    slug = factory.Sequence(lambda n: f"caja-{n}")
    name = factory.Sequence(lambda n: f"Caja {n}")
    legal_name = factory.LazyAttribute(lambda row: f"Caja Rural de Ahorro y Crédito {row.name} S.A.")
    kind = Institution.Kind.CAJA
    number_prefix = "QT"


class UserFactory(DjangoModelFactory):
    """A person who signs in by a verified e-mail; `phone=...` adds a verified mobile."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"persona{n}@ejemplo.pe")
    full_name = factory.Sequence(lambda n: f"Rosa Quispe {n}")
    phone_verified = factory.LazyAttribute(lambda row: row.phone is not None)
    phone: Any = None

    @factory.post_generation
    def password(self, create: bool, extracted: str | None, **kwargs: Any) -> None:
        """`password="..."` sets one; without it the account has none."""
        if extracted:
            self.set_password(extracted)
        else:
            self.set_unusable_password()
        if create:
            self.save()

    @factory.post_generation
    def verified(self, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        """`verified=False` leaves the e-mail unconfirmed."""
        if create and self.email:
            EmailAddress.objects.create(user=self, email=self.email, primary=True, verified=extracted is not False)


class ScopedFactory(DjangoModelFactory):
    """Creates in the scope of the row's `institution`."""

    class Meta:
        abstract = True

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Any:
        with institution_scope(kwargs["institution"].pk):
            return super()._create(model_class, *args, **kwargs)


class MembershipFactory(ScopedFactory):
    class Meta:
        model = Membership

    institution = factory.SubFactory(InstitutionFactory)
    user = factory.SubFactory(UserFactory)
    roles = factory.LazyFunction(lambda: ["applicant"])


class MandateFactory(DjangoModelFactory):
    class Meta:
        model = RegulatorMandate

    regulator = factory.SubFactory(UserFactory)
    institution = factory.SubFactory(InstitutionFactory)
    norm = "Oficio 1234-2026"
    valid_from = date(2026, 1, 1)
