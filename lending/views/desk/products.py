"""Products and policy, for those who answer for them."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.clock import today
from accounts.errors import InvalidInput, NotFound
from accounts.formats import format_money, format_percent
from accounts.http import Request
from lending.forms.desk import PolicyForm, ProductForm
from lending.forms.refusals import show_refusal
from lending.models import Product, ProductVersion
from lending.selectors.products import policy_in_force, usury_cap
from lending.services.policies import save_policy
from lending.services.products import (
    TERMS,
    create_product,
    publication_refusals,
    publish_product,
    save_product_terms,
    withdraw_product,
)

VERSION_KIND = {"published": "ok", "draft": "warn", "withdrawn": ""}


@require_safe
@access.require("lending.view_products")
def product_list(request: Request, slug: str) -> HttpResponse:
    """Every product with its published terms and its draft."""
    versions: dict[UUID, dict[str, ProductVersion]] = {}
    for version in ProductVersion.objects.exclude(status="withdrawn").order_by("number"):
        versions.setdefault(version.product_id, {})[version.status] = version
    cap = usury_cap(today())
    return render(
        request,
        "lending/desk/products.html",
        {
            "rows": [product_line(one, versions.get(one.pk, {})) for one in Product.objects.order_by("name")],
            "cap": cap,
            "may_edit": request.actor.can("lending.manage_products"),
        },
    )


def product_line(product: Product, versions: dict[str, ProductVersion]) -> dict[str, Any]:
    """A product as the list shows it."""
    shown = versions.get("published") or versions.get("draft")
    return {
        "pk": product.pk,
        "name": product.name,
        "segment": product.get_segment_display(),
        "amounts": f"{format_money(shown.amount_min, 0)} – {format_money(shown.amount_max, 0)}" if shown else "—",
        "terms": _("%(low)s – %(high)s meses") % {"low": shown.term_min, "high": shown.term_max} if shown else "—",
        "rates": f"{format_percent(shown.tea_min)} – {format_percent(shown.tea_max)}" if shown else "—",
        "tags": [
            {"text": f"{one.get_status_display()} v{one.number}", "kind": VERSION_KIND[one.status]}
            for one in versions.values()
        ],
    }


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.manage_products")
def new_product(request: Request, slug: str) -> HttpResponse:
    """A new product with its first draft."""
    usual = ProductVersion(amount_min=500, amount_max=20000, term_min=3, term_max=24)
    initial = {name: getattr(usual, name) for name in TERMS} | {"amortization": "equal_installments"}
    form = ProductForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                product = create_product(
                    actor=request.actor, name=form.cleaned_data["name"], segment=form.cleaned_data["segment"]
                )
                save_product_terms(product_id=product.pk, actor=request.actor, **form.terms())
        except InvalidInput as refusal:
            show_refusal(form, refusal, also={"code": "name"})
        else:
            messages.success(request, _("Guardamos el borrador. Revísalo y publícalo."))
            return redirect("lending:desk_product", slug, product.pk)
    return render(
        request, "lending/desk/product.html", {"form": form, "product": None}, status=422 if form.errors else 200
    )


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.manage_products")
def edit_product(request: Request, slug: str, product_id: UUID) -> HttpResponse:
    """The terms in a form; saving writes a draft, publishing is a step of its own."""
    product = Product.objects.filter(pk=product_id).first()
    if product is None:
        raise NotFound
    versions = list(product.versions.select_related("created_by", "published_by").order_by("-number"))
    draft = next((one for one in versions if one.status == ProductVersion.Status.DRAFT), None)
    base = draft or (versions[0] if versions else None)
    initial = {"name": product.name, "segment": product.segment}
    if base:
        initial |= {name: getattr(base, name) for name in TERMS}
    form = ProductForm(request.POST if request.method == "POST" else None, initial=initial)
    # A product keeps its name and its segment: contracts speak of them.
    form.fields["name"].disabled = form.fields["segment"].disabled = True
    if request.method == "POST" and form.is_valid():
        try:
            save_product_terms(product_id=product.pk, actor=request.actor, **form.terms())
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Guardamos el borrador. Rige cuando lo publiques."))
            return redirect("lending:desk_product", slug, product.pk)
    return render(
        request,
        "lending/desk/product.html",
        {
            "form": form,
            "product": product,
            "draft": draft,
            "published": next((one for one in versions if one.status == ProductVersion.Status.PUBLISHED), None),
            "refusals": publication_refusals(draft, today()) if draft else [],
            "versions": versions,
        },
        status=422 if form.errors else 200,
    )


@require_POST
@access.require("lending.manage_products")
def publish(request: Request, slug: str, version_id: UUID) -> HttpResponse:
    """Offer a draft from today, or say in words why the law does not allow it."""
    version = ProductVersion.objects.filter(pk=version_id).first()
    if version is None:
        raise NotFound
    try:
        publish_product(version_id=version_id, actor=request.actor, on=today())
    except InvalidInput as refusal:
        for texts in refusal.fields.values() or [[str(refusal.message)]]:
            for text in texts:
                messages.error(request, text)
    else:
        messages.success(request, _("Publicado. Desde hoy se ofrece con estas condiciones."))
    return redirect("lending:desk_product", slug, version.product_id)


@require_POST
@access.require("lending.manage_products")
def withdraw(request: Request, slug: str, product_id: UUID) -> HttpResponse:
    """Stop offering a product to anybody new."""
    withdraw_product(product_id=product_id, actor=request.actor)
    messages.success(request, _("Retirado. Las ofertas ya hechas siguen vigentes."))
    return redirect("lending:desk_product", slug, product_id)


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.manage_policy")
def policy(request: Request, slug: str) -> HttpResponse:
    """How the institution decides; saving makes a new version and keeps the old one."""
    current = policy_in_force()
    form = PolicyForm(
        request.POST if request.method == "POST" else None,
        initial={name: getattr(current, name) for name in PolicyForm.base_fields},
    )
    if request.method == "POST" and form.is_valid():
        try:
            saved = save_policy(actor=request.actor, **form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            if saved.number == current.number:
                messages.info(request, _("No cambiaste nada: sigue la misma versión."))
            else:
                messages.success(
                    request, _("Guardamos la versión %(number)s. Rige desde ahora.") % {"number": saved.number}
                )
            return redirect("lending:desk_policy", slug)
    return render(
        request, "lending/desk/policy.html", {"form": form, "current": current}, status=422 if form.errors else 200
    )
