"""Pages that exist in tests only: each does to the request's transaction what a real page might by mistake."""

import random

from django.contrib import admin
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path

from accounts.errors import InvalidInput, NotFound
from accounts.models import Membership, OutboxEvent
from accounts.outbox import publish
from accounts.tenancy.scope import current_scope, institution_scope
from accounts.tenancy.streams import ScopedStream
from portal import urls

fired: list[str] = []  # on_commit hooks that ran
LIST = "{% for row in rows %}<li>{{ row.institution_id }}</li>{% endfor %}"


def page(text: str):
    return engines["django"].from_string(text)


def visible() -> list[int]:
    """Institutions whose rows plain SQL shows now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT institution_id FROM accounts_outboxevent ORDER BY 1")
        return [row[0] for row in cursor.fetchall()]


def write(request: HttpRequest) -> None:
    publish("accounts.test.written", request.institution)
    transaction.on_commit(lambda: fired.append("hook"))


def rows(request, slug):
    return TemplateResponse(request, page(LIST), {"rows": OutboxEvent.objects.all()})


def sql(request, slug):
    return JsonResponse({"institution": request.institution.pk, "visible": visible()})


def succeed(request, slug):
    write(request)
    return HttpResponse("ok")


def fail(request, slug):
    write(request)
    raise RuntimeError("the view failed")


def fail_in_database(request, slug):
    write(request)
    with connection.cursor() as cursor:
        cursor.execute("SELECT no_such_column FROM accounts_outboxevent")


def broken_template(request, slug):
    write(request)
    return TemplateResponse(request, page("{% include 'no/such/template.html' %}"))


def fails_while_rendering(request, slug):
    write(request)
    return TemplateResponse(request, page("{{ rows }}"), {"rows": lambda: 1 / 0})


def raise_404(request, slug):
    write(request)
    raise Http404


def return_404(request, slug):
    write(request)
    return HttpResponseNotFound()


def refuse_404(request, slug):
    write(request)
    raise NotFound


def refuse_422(request, slug):
    write(request)
    raise InvalidInput("no")


def return_503(request, slug):
    write(request)
    return HttpResponse(status=503)


def keep_a_draft(request, slug):
    """A form that comes back with errors keeps what was typed: a returned 422 commits."""
    write(request)
    return HttpResponse(status=422)


def hook_with_scope(request, slug):
    institution_id = request.institution.pk

    def hook():
        with institution_scope(institution_id):
            fired.append(str(OutboxEvent.objects.count()))

    write(request)
    transaction.on_commit(hook)
    return HttpResponse()


def stream(request, slug):
    return StreamingHttpResponse(
        ScopedStream(lambda: (f"{row.institution_id}\n" for row in OutboxEvent.objects.iterator()))
    )


def careless_stream(request, slug):
    def lines():
        for row in OutboxEvent.objects.all():
            yield f"{row.institution_id}\n"

    return StreamingHttpResponse(lines())


def anything(request, slug):
    """One page of the soak: looks, writes, and fails three times out of ten."""
    dice = random.Random(request.GET["seed"])
    before = visible()
    write(request)
    chance = dice.random()
    if chance < 0.10:
        raise RuntimeError
    if chance < 0.15:
        fail_in_database(request, slug)
    if chance < 0.20:
        return broken_template(request, slug)
    if chance < 0.25:
        raise Http404
    if chance < 0.30:
        raise InvalidInput("no")
    if chance < 0.40:
        return stream(request, slug)
    if chance < 0.50:
        return rows(request, slug)
    with transaction.atomic():
        inside = visible()
    scope = current_scope().institution_id
    return JsonResponse({"visible": sorted({*before, *inside, *visible(), scope})})


class MembershipAdmin(admin.ModelAdmin):
    list_display = ("institution_id", "user_id")


site = admin.AdminSite(name="isolation")
site.register(Membership, MembershipAdmin)


def changelist(request, slug):
    return MembershipAdmin(Membership, site).changelist_view(request)


PAGES = (
    *(rows, sql, succeed, fail, fail_in_database, broken_template, fails_while_rendering, raise_404, return_404),
    *(refuse_404, refuse_422, return_503, keep_a_draft, hook_with_scope, stream, careless_stream, anything, changelist),
)
urlpatterns = [path(f"i/<slug:slug>/{view.__name__}", view) for view in PAGES]
urlpatterns += [path("platform", lambda request: JsonResponse({"visible": visible()})), path("members/", site.urls)]
urlpatterns += urls.urlpatterns  # error pages link to real ones
