"""Papers and photos: one file per request, a list with remove, and a private way to look at them."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.errors import InvalidInput, NotFound
from accounts.http import Request
from lending.forms.documents import PAPERS, StatementForm, UploadForm
from lending.forms.refusals import show_refusal
from lending.models import AccountStatement, Document
from lending.selectors.statements import recognised
from lending.services.applications import save_step
from lending.services.documents import add_document, open_document, remove_document
from lending.services.statements import add_statement, remove_statement
from lending.views.apply import following, paused, step_context
from lending.views.drafts import Draft, own_draft

# What a stored file may do in a browser: be looked at, and nothing else.
SEALED_POLICY = "default-src 'none'; img-src 'self'; style-src 'none'; sandbox"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def documents(request: Request, slug: str, application_id: UUID) -> HttpResponse:
    """The step with the papers. A post either brings one file or goes on."""
    draft = own_draft(request, application_id)
    if not draft.is_open:
        return redirect("lending:my_application", slug, application_id)
    if request.method != "POST":
        return render(request, "lending/apply/documents.html", _page(request, draft, None))
    if "kind" in request.POST:
        return _upload(request, draft)
    application = save_step(
        application_id=application_id, actor=request.actor, step="documents", answers={}, complete=True
    )
    draft = Draft(application, draft.institution)
    if "pause" in request.POST:
        return paused(request, draft)
    return HttpResponseRedirect(following(request, draft, "documents"))


def _upload(request: Request, draft: Draft) -> HttpResponse:
    papers = {paper.kind: paper for paper in PAPERS[draft.segment]}
    paper = papers.get(request.POST["kind"], PAPERS[draft.segment][-1])
    form = UploadForm(request.POST, request.FILES, paper=paper)
    if form.is_valid():
        try:
            add_document(
                application_id=draft.application.pk,
                actor=request.actor,
                kind=form.cleaned_data["kind"],
                upload=form.cleaned_data["file"],
            )
        except InvalidInput as refusal:
            for name, texts in refusal.fields.items():
                form.add_error(name if name in form.fields else None, texts)
        else:
            messages.success(request, _("Listo: recibimos «%(paper)s».") % {"paper": paper.label})
            return HttpResponseRedirect(request.get_full_path())
    return render(request, "lending/apply/documents.html", _page(request, draft, form), status=422)


@require_POST
@access.signed_in
def add_account_statement(request: Request, slug: str, application_id: UUID) -> HttpResponse:
    """Read a statement of the applicant's money; what was recognised is shown beside it."""
    draft = own_draft(request, application_id)
    form = StatementForm(request.POST, request.FILES, auto_id="id_statement_%s")
    if form.is_valid():
        try:
            add_statement(
                application_id=application_id,
                actor=request.actor,
                kind=form.cleaned_data["kind"],
                upload=form.cleaned_data["file"],
            )
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Listo: leímos tus movimientos. Mira abajo lo que entendimos."))
            return HttpResponseRedirect(f"{draft.url('documents')}#movimientos")
    return render(
        request, "lending/apply/documents.html", _page(request, draft, None, form) | {"form": form}, status=422
    )


@require_POST
@access.signed_in
def remove_account_statement(request: Request, slug: str, statement_id: UUID) -> HttpResponse:
    """Take a statement back out of a draft."""
    found = AccountStatement.objects.filter(pk=statement_id).only("application_id").first()
    if found is None:
        raise NotFound(_("Ese estado de cuenta ya no está."))
    draft = own_draft(request, found.application_id)
    remove_statement(statement_id=statement_id, actor=request.actor)
    messages.success(request, _("Quitamos el estado de cuenta."))
    return HttpResponseRedirect(draft.url("documents"))


def _page(
    request: Request, draft: Draft, refused: UploadForm | None, statement: StatementForm | None = None
) -> dict[str, Any]:
    kept = list(Document.objects.filter(application_id=draft.application.pk).order_by("uploaded_at"))
    rows: list[dict[str, Any]] = []
    for paper in PAPERS[draft.segment]:
        form = refused if refused and refused.paper.kind == paper.kind else UploadForm(paper=paper)
        rows.append({"paper": paper, "form": form, "kept": [one for one in kept if one.kind == paper.kind]})
    asked = {paper.kind for paper in PAPERS[draft.segment]}
    others = [one for one in kept if one.kind not in asked]
    rows[-1]["kept"] += others
    return {
        "form": refused,
        "rows": rows,
        "statement_form": statement or StatementForm(auto_id="id_statement_%s"),
        "statements": recognised(draft.application.pk),
        "application_id": draft.application.pk,
        **step_context(request, draft, "documents"),
    }


@require_POST
@access.signed_in
def remove(request: Request, slug: str, document_id: UUID) -> HttpResponse:
    """Take a paper back out of a draft; one that is already gone is no error."""
    document = Document.objects.filter(pk=document_id).only("application_id").first()
    if document is None:
        raise NotFound(_("Ese documento ya no está. Quizá ya lo quitaste."))
    draft = own_draft(request, document.application_id)
    remove_document(document_id=document_id, actor=request.actor)
    messages.success(request, _("Quitamos el documento."))
    address = draft.url("documents")
    return HttpResponseRedirect(f"{address}?from=review" if request.GET.get("from") == "review" else address)


@never_cache
@require_safe
@access.signed_in
def download(request: Request, slug: str, document_id: UUID) -> HttpResponse:
    """A stored file for those who may see it: never guessed at, never run, never kept by a cache."""
    content, media_type = open_document(document_id=document_id, actor=request.actor)
    kind = Document.objects.values_list("kind", flat=True).get(pk=document_id)
    is_picture = media_type.startswith("image/")
    name = f"{slugify(str(Document.Kind(kind).label))}.{'jpg' if is_picture else 'pdf'}"
    response = HttpResponse(content, content_type=media_type)
    response["Content-Disposition"] = f'{"inline" if is_picture else "attachment"}; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = SEALED_POLICY
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = "private, no-store"
    return response
