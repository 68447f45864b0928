"""The contract as who answers for a loan reads and signs it: on their own phone, by a link, without an account.

The link's token is in the first address alone; from there on the session knows which link it was.
"""

from decimal import Decimal
from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import limits
from accounts.errors import InvalidInput, InvalidState
from accounts.http import InstitutionRequest
from lending.forms.contracts import SignForm
from lending.forms.refusals import show_refusal
from lending.models import Contract, SigningLink
from lending.selectors.contracts import is_open_link, live_code, signing_link
from lending.services.signing import send_guarantor_code, sign_as_guarantor
from lending.services.signing_links import open_link, open_linked_contract
from lending.views.contracts import paper_context, pdf_response

OPENED: Final = "signing_link"  # in the session: the link this browser came by
OPENINGS_AN_HOUR: Final = 30


@never_cache
@require_safe
def link(request: InstitutionRequest, slug: str, token: str) -> HttpResponse:
    """Where the message leads: the session remembers the link, and the token goes out of the address."""
    limits.count(request, f"signing-link-{request.institution.pk}", most=OPENINGS_AN_HOUR, seconds=3600)
    request.session[OPENED] = open_link(token=token, actor=request.actor).pk
    return redirect("lending:guarantor_contract", slug)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def contract(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Hoja Resumen, cronograma and the person's signature; or why the link no longer serves."""
    found = _opened(request)
    if found is None or _is_over(found):
        return _over(request, found)
    one = found.guarantor
    form = SignForm(
        request.POST if request.method == "POST" else None, initial={"sha256": one.contract.document_sha256}
    )
    if request.method == "POST" and form.is_valid():
        try:
            sign_as_guarantor(
                guarantor_id=one.pk, actor=request.actor, link_id=found.pk, code=form.cleaned_data["code"],
                sha256=form.cleaned_data["sha256"],
            )  # fmt: skip
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        except InvalidState as refusal:
            messages.error(request, str(refusal.message))
            return redirect("lending:guarantor_contract", slug)
        else:
            return redirect("lending:guarantor_contract", slug)
    context = {
        **paper_context(one.contract),
        "one": one,
        "form": form,
        "code": live_code(one.contract, one),
        "until": found.expires_at,
        "whole": one.limit is None,
        "limit": one.limit or Decimal(0),
    }
    return render(request, "lending/contract/guarantor.html", context, status=422 if form.errors else 200)


@require_POST
def code(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Send the person their code; asking too often is told, not punished."""
    found = _opened(request)
    if found is None or _is_over(found):
        return _over(request, found)
    try:
        sent = send_guarantor_code(guarantor_id=found.guarantor_id, actor=request.actor, link_id=found.pk)
    except InvalidState as refusal:
        messages.error(request, str(refusal.message))
    else:
        messages.success(request, _("Enviamos un código a %(address)s. Vale 10 minutos.") % {"address": sent.address})
    return redirect("lending:guarantor_contract", slug)


@never_cache
@require_safe
def pdf(request: InstitutionRequest, slug: str) -> HttpResponse:
    """The paper as it was sealed."""
    found = _opened(request)
    if found is None or _is_over(found):
        return _over(request, found)
    content, one = open_linked_contract(link_id=found.pk, actor=request.actor)
    return pdf_response(content, f"contrato-{one.summary['code']}")


def _opened(request: InstitutionRequest) -> SigningLink | None:
    """The link this browser came by, at this institution."""
    key = request.session.get(OPENED)
    return signing_link(pk=key) if key is not None else None


def _is_over(found: SigningLink) -> bool:
    one = found.guarantor
    return one.signed_at is not None or not is_open_link(found) or one.contract.status != Contract.Status.OPEN


def _over(request: InstitutionRequest, found: SigningLink | None) -> HttpResponse:
    """What became of it, and how to go on; nothing of the contract."""
    one = found.guarantor if found else None
    return render(
        request,
        "lending/contract/guarantor_over.html",
        {"signed_at": one.signed_at if one else None, "unknown": one is None},
        status=200 if one and one.signed_at else 410,
    )
