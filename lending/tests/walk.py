"""An application filled in as a browser without script does: one post per page."""

from io import BytesIO
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from accounts.models import Institution
from lending.models import Application
from lending.tests.factories import new_dni

REQUEST = {"amount": "3000", "term_months": "12"}
PURPOSE = {"household": "home", "enterprise": "stock", "farm": "campaign"}
ACTIVITY: dict[str, dict[str, str]] = {
    "household": {
        "employment": "employee", "employment_months_years": "5", "employment_months_months": "",
        "housing": "owned", "assets_value": "40,000.00",
    },
    "enterprise": {
        "trade_name": "Bodega Rosita", "sector": "commerce", "business_months_years": "6",
        "business_months_months": "2", "premises": "rented", "inventory_value": "8000", "equipment_value": "3000",
        "sales_trend": "up", "keeps_records": "yes", "digital_share": "3",
    },
    "farm": {
        "crop": "potato", "hectares": "2.5", "irrigation": "irrigated", "land_tenure": "owned",
        "farming_years": "14", "altitude_m": "3200", "lost_harvests": "0", "cooperative": "yes",
        "livestock_value": "4000",
    },
}  # fmt: skip
_SHARED = {
    "household_expenses": "980", "dependants": "1", "savings_balance": "1500", "has_debts": "no",
    "had_loans": "yes", "past_loans": "3", "worst_delay_days": "0",
}  # fmt: skip
MONEY: dict[str, dict[str, str]] = {
    "household": {"monthly_income": "3200", "other_income": "0", **_SHARED},
    "enterprise": {
        "monthly_sales": "2100", "monthly_purchases": "1200", "business_expenses": "400",
        "other_income": "0", **_SHARED,
    },
    "farm": {
        "harvest_month": "5", "campaign_months": "6", "yield_kg_ha": "17000", "price_per_kg": "1.10",
        "campaign_cost": "18000", "other_income": "200", **_SHARED,
    },
}  # fmt: skip
CONSENTS = {"consent_evaluation": "on", "consent_automated": "on", "consent_contact": "on"}


def identity(**changes: str) -> dict[str, str]:
    """A person nobody has seen before."""
    return {
        "full_name": "María Quispe Huamán",
        "document_type": "dni",
        "document_number": new_dni(),
        "birth_on_day": "27",
        "birth_on_month": "3",
        "birth_on_year": "1985",
        "region": "08",
        "district": "Sicuani",
        "phone": "987 654 321",
        **changes,
    }


def pages(segment: str, **changes: Any) -> dict[str, dict[str, str]]:
    """What is typed on every page with questions, in order."""
    return {
        "identity": identity(),
        "activity": ACTIVITY[segment],
        "money": MONEY[segment],
        "consents": CONSENTS,
        **changes,
    }


def start(client: Any, institution: Institution, segment: str = "household", **asked: str) -> Application:
    """A draft, begun on the start page."""
    data = {"segment": segment, "purpose": PURPOSE[segment], **REQUEST, **asked}
    response = client.post(reverse("lending:apply", args=[institution.slug]), data)
    assert response.status_code == 302, response.content.decode()
    return Application.objects.get(pk=id_in(response["Location"]))


def id_in(address: str) -> UUID:
    """The application's key in an address."""
    return UUID(address.split("/apply/")[1].split("/")[0])


def url(application: Application, institution: Institution, step: str) -> str:
    """The address of a step."""
    name = {"documents": "apply_documents", "review": "apply_review"}.get(step)
    args = [institution.slug, application.pk]
    return reverse(f"lending:{name}", args=args) if name else reverse("lending:apply_step", args=[*args, step])


def fill(client: Any, institution: Institution, application: Application, **changes: Any) -> None:
    """Every page up to the summary."""
    for step, data in pages(application.segment, **changes).items():
        if step == "consents":
            assert client.post(url(application, institution, "documents")).status_code == 302
        response = client.post(url(application, institution, step), data)
        assert response.status_code == 302, (step, response.content.decode())


def send(client: Any, institution: Institution, segment: str = "household", **asked: str) -> Application:
    """A whole application, sent."""
    application = start(client, institution, segment, **asked)
    fill(client, institution, application)
    response = client.post(url(application, institution, "review"))
    assert response.status_code == 302, response.content.decode()
    application.refresh_from_db()
    return application


def photo(name: str = "dni.jpg", size: tuple[int, int] = (64, 48)) -> SimpleUploadedFile:
    """A small picture as a phone sends it."""
    drawn = BytesIO()
    Image.new("RGB", size, "navy").save(drawn, "JPEG")
    return SimpleUploadedFile(name, drawn.getvalue(), content_type="image/jpeg")
