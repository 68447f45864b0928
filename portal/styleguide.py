"""What the living style guide shows. Example words and figures only; no reader ever meets them elsewhere."""

from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.utils import timezone

from accounts import drawings
from accounts.forms import CheckCards, ChoiceCards, CountInput, DateBoxes, MoneyInput, PhotoInput
from accounts.plots import Series, column_plot, line_plot


@dataclass(frozen=True)
class Section:
    """One heading of the guide: its template and the lines that call the components."""

    id: str
    title: str
    use: str

    @property
    def template(self) -> str:
        return f"styleguide/_{TEMPLATES[self.id]}.html"


TEMPLATES = {
    "tonos": "tokens", "botones": "buttons", "avisos": "tags", "formulario": "form", "errores": "errors",
    "pasos": "steps", "listas": "lists", "tablas": "tables", "oferta": "offer", "puntaje": "score",
    "graficos": "charts", "mesa": "desk", "iconos": "icons",
}  # fmt: skip

MONTHS = ("dic", "ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "set", "oct", "nov")
SECTIONS = (
    Section("tonos", "Tonos y letra", ""),
    Section(
        "botones",
        "Botones y enlaces",
        '<a class="btn"> · btn-2 · btn-link · btn-sm · btn-block\n'
        '{% include "components/_backlink.html" with href=… text=… only %}\n'
        "<button data-print hidden>  {# lo muestra portal.js #}",
    ),
    Section(
        "avisos",
        "Etiquetas y avisos",
        '{% tag "Listo" "ok" "check" %}\n'
        '{% include "components/_notice.html" with kind="warn" title=… text=… sign="people" only %}',
    ),
    Section(
        "formulario",
        "Formularios",
        "{{ form }}  o campo por campo  {{ form.sales.as_field_group }}\n"
        'MoneyInput(suffix=_("por semana")) · CountInput(suffix=_("años")) · ChoiceCards(details={…}, in_row=True)\n'
        "CheckCards() · DateBoxes(birthday=True) · PhotoInput()",
    ),
    Section(
        "errores",
        "Errores",
        "{% error_summary form %}\n"
        "El título de la página empieza solo con «Error:» cuando el contexto tiene un `form` con errores.",
    ),
    Section(
        "pasos",
        "Pasos de una solicitud",
        "{% step_progress 3 6 %}\n"
        '{% include "components/_tasklist.html" with items=tasks only %}\n'
        '{% include "components/_help.html" with institution=institution code=… only %}\n'
        '{% include "components/_steps.html" with items=steps only %}',
    ),
    Section(
        "listas",
        "Listas de datos",
        '{% include "components/_facts.html" with items=facts card=True only %}\n'
        '{% include "components/_checks.html" with items=checks only %}\n'
        '{% include "components/_dl.html" with items=costs only %}\n'
        '{% include "components/_timeline.html" with items=history only %}',
    ),
    Section("tablas", "Tablas", "{% data_table label columns rows foot caption=… stack=True %}"),
    Section("oferta", "Oferta", '<ol class="offers stack-6">{% include "components/_offer.html" %}</ol>'),
    Section(
        "puntaje",
        "Puntaje",
        "{% gauge score good=640 fair=520 %}\n{% waterfall base reasons score %}\n"
        "{% scale score good=640 fair=520 %} · {% score_tag score good=640 fair=520 %}",
    ),
    Section(
        "graficos",
        "Barras, leyenda y datos",
        "{% bar parts label=… %} · {% meter value whole %}\n"
        '{% include "components/_legend.html" with items=… only %}\n'
        '{% include "components/_data_alt.html" with title=… columns=… rows=… only %}',
    ),
    Section(
        "mesa",
        "Mesa de créditos",
        '{% include "components/_idbar.html" with title=… tags=… facts=… list_url=… position=… total=… only %}\n'
        '{% include "components/_views.html" %} · _kpis · _filters · _pagination · _queue_nav',
    ),
    Section("iconos", "Íconos y símbolos", '{% icon "check" %} · {% icon "check" "Cumple" %} · {% mark institution %}'),
)

TOKENS = (
    "accent", "accent-strong", "accent-soft", "on-accent", "ink", "ink-2", "bg", "surface", "surface-2", "line",
    "line-strong", "focus", "ok", "ok-soft", "warn", "warn-soft", "bad", "bad-soft", "info", "info-soft",
)  # fmt: skip


class GuideForm(forms.Form):
    """One field of each kind."""

    mark_optional = True

    sales = forms.CharField(
        label="¿Cuánto vendes en una semana normal?",
        help_text="Suma lo que cobras de lunes a domingo, en efectivo y por billetera digital.",
        widget=MoneyInput(suffix="por semana", slider=(0, 5000, 50)),
    )
    years = forms.CharField(label="¿Cuántos años tiene tu negocio?", widget=CountInput(suffix="años"))
    debts = forms.ChoiceField(
        label="¿Estás pagando otro préstamo?",
        help_text="Cuenta también juntas, casas comerciales y préstamos de familiares.",
        choices=[("yes", "Sí, uno o más"), ("no", "No")],
        widget=ChoiceCards(details={"yes": "Te preguntaremos cuánto pagas al mes"}),
    )
    term = forms.ChoiceField(
        label="¿En cuántos meses quieres pagar?",
        choices=[(n, str(n)) for n in ("6", "9", "12", "18", "24")],
        widget=ChoiceCards(in_row=True),
    )
    born_on = forms.DateField(
        label="Fecha de nacimiento", help_text="Por ejemplo, 27 3 1985", widget=DateBoxes(birthday=True)
    )
    region = forms.ChoiceField(label="Departamento", choices=[("08", "Cusco"), ("21", "Puno")])
    story = forms.CharField(label="Cuéntanos algo más", required=False, widget=forms.Textarea({"rows": 3}))
    proofs = forms.MultipleChoiceField(
        label="¿Qué puedes mostrar?",
        choices=[("notes", "Cuaderno de ventas"), ("bills", "Boletas")],
        widget=CheckCards(),
    )
    photo = forms.FileField(label="Foto de tu DNI", help_text="JPG, PNG o PDF, hasta 10 MB.", widget=PhotoInput())
    consent = forms.BooleanField(
        label="Sí, pueden consultar la central de riesgos",
        help_text="Solo para evaluar esta solicitud. Puedes retirarlo cuando quieras.",
    )


def bad_form(auto_id: str) -> GuideForm:
    """Some of the same fields with answers that come back."""
    form = GuideForm({"sales": "", "born_on_day": "31", "born_on_month": "2", "born_on_year": "1990"}, auto_id=auto_id)
    words = {
        "sales": "Escribe cuánto vendes en una semana normal, por ejemplo 1450",
        "born_on": "Esa fecha no existe: revisa el día y el mes",
        "debts": "Elige si estás pagando otro préstamo",
        "consent": "Sin este permiso no podemos evaluar tu solicitud",
    }
    form.fields = {name: form.fields[name] for name in words}
    for name, text in words.items():
        form.fields[name].error_messages.update(required=text, invalid=text)
    return form


def context() -> dict[str, Any]:
    """Everything the guide's templates name."""
    now = timezone.now()
    institution = SimpleNamespace(
        slug="ejemplo",
        name="Caja Ejemplo",
        mark="sprout",
        phone="0800 00 000",
        hours="Lunes a sábado, 8 a. m. a 7 p. m.",
    )
    return {
        "sections": SECTIONS,
        "schemes": [
            {
                "name": name,
                "label": label,
                "pages": f"Páginas, {label}",
                "form": GuideForm(auto_id=f"{name}_%s", prefix=name),
                "bad_form": bad_form(f"{name}_bad_%s"),
            }
            for name, label in (("light", "Claro"), ("dark", "Oscuro"))
        ],
        "tokens": TOKENS,
        "icons": sorted(drawings.ICONS),
        "marks": sorted(drawings.MARKS),
        "help_institution": institution,
        "dl": _items(("Monto", "S/ 3,000"), ("Plazo", "12 meses"), ("Cuota aproximada", "S/ 296.49")),
        "costs": [
            *_items(("Intereses", "S/ 542.61"), ("Seguro de desgravamen", "S/ 15.35")),
            {"label": "Pagarás en total", "value": "S/ 3,557.96", "total": True},
        ],
        "facts": _items(
            ("Pedido", "S/ 3,000 · 12 meses"),
            ("Producto", "Mi Negocio, cuota fija"),
            ("Cuota · TCEA", "S/ 296.49 · 38.11%"),
            ("Destino", "Mercadería de campaña navideña"),
        ),
        "tasks": [
            {"label": "Tus datos", "url": "#pasos", "status": "Listo", "kind": "ok"},
            {"label": "Ingresos y gastos", "url": "#pasos", "status": "En curso", "kind": "info", "current": True},
            {"label": "Revisar y enviar", "url": "", "status": "Falta"},
        ],
        "steps": [
            {"title": "Elige una oferta", "text": "Valen hasta el 6 de diciembre."},
            {"title": "Revisa la hoja resumen", "text": "Te la enviamos para leerla con calma."},
        ],
        "checks": [
            {"text": "La cuota usa 34 de cada 100 soles que te quedan libres.", "kind": "ok"},
            {"text": "Cobra S/ 90 para afiliarte.", "kind": "warn"},
            {"text": "No llega al ingreso mínimo.", "kind": "bad"},
            {"text": "Dinero en 2 días, en tu cuenta.", "kind": "mut"},
        ],
        "history": [
            {"at": now, "text": "Puntaje 681 calculado."},
            {"at": now - timedelta(days=1), "title": "Visita al local:", "text": "coincide con lo declarado."},
            {"when": "19/11 10:51", "text": "Solicitud enviada desde celular."},
        ],
        "capacity": {
            "columns": ["En soles al mes", ("Declarado", "r"), ("Verificado", "r"), ("Ventas −15%", "r")],
            "rows": [["Ventas", "5,800", "5,800", "4,930"], ["Costo de mercadería", "−3,650", "−3,650", "−3,103"]],
            "foot": [["Excedente", "965", "885", "562"]],
        },
        "seals": {
            "columns": ["Día", ("Eventos", "r"), "Huella del día", "Estado"],
            "rows": [
                ["20/11/2026", "312", "7f3ae0b1…c21e", "Coincide"],
                ["19/11/2026", "287", "b80c41f7…09aa", "Coincide"],
            ],
        },
        "offers": [_offer(institution, 1, "S/ 3,557.96", best=True), _offer(institution, 2, "S/ 3,588.47", best=False)],
        "reasons": [
            ("Pagos puntuales, 18 meses", 86),
            ("6 años en el mismo local", 54),
            ("Cuota usa 34% del excedente", 48),
            ("Ahorro mensual constante", 22),
            ("Deuda con 2 entidades", -31),
            ("Ventas bajan de enero a marzo", -18),
        ],
        "ages": [("a0", 1682), ("a1", 72), ("a2", 28), ("a3", 26), ("a4", 35)],
        "legend": [{"kind": "a0", "label": "Normal"}, {"kind": "a1", "label": "9 a 30 días"}],
        "par30": line_plot(
            [Series("4.8% hoy", list(enumerate((6.1, 6.0, 5.8, 6.2, 5.9, 5.6, 5.4, 5.5, 5.3, 5.2, 5.2, 4.8))))],
            MONTHS,
            form="{:g}%".format,
            limit=5.5,
            limit_label="Límite 5.5%",
            from_zero=False,
        ),
        "vintages": line_plot(
            [
                Series("2026 T1", list(enumerate((0, 0.4, 1.1, 1.9, 2.8, 3.6))), "1"),
                Series("2026 T2", list(enumerate((0, 0.2, 0.6, 1.0))), "2"),
            ],
            [str(age) for age in range(6)],
            form="{:g}%".format,
        ),
        "disbursed": column_plot(
            (1.92, 1.05, 0.98, 1.21, 1.33, 1.46, 1.38, 1.29, 1.52, 1.58, 1.71, 1.63),
            MONTHS,
            form="{:g}".format,
            current=11,
        ),
        "age_columns": ["Categoría", "Saldo"],
        "age_rows": [["Normal, hasta 8 días", "S/ 16.82 M"], ["Con problemas, 9 a 30", "S/ 0.72 M"]],
        "desk_tags": [
            {"text": "En evaluación", "kind": "info"},
            {"text": "Vence en 6 h", "kind": "warn", "sign": "clock"},
        ],
        "views": [
            {"label": "Por decidir", "url": "#mesa", "count": 14, "current": True},
            {"label": "Por vencer", "url": "#mesa", "count": 3},
        ],
        "kpis": [
            {"label": "PAR30", "value": "4.8%", "note": "−0.4 pp; límite 5.5%", "good": True},
            {"label": "Créditos activos", "value": "6,284", "note": "+97 en el mes"},
        ],
        "page": Paginator(range(60), 20).page(2),
    }


def _items(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"label": label, "value": value} for label, value in pairs]


def _offer(institution: Any, rank: int, total: str, *, best: bool) -> dict[str, Any]:
    return {
        "rank": rank,
        "best": best,
        "institution": institution,
        "title": institution.name,
        "product": "Mi Negocio, cuota fija",
        "received": "S/ 3,000.00",
        "payment_label": "Cuota al mes",
        "payment": "S/ 296.49",
        "count": 12,
        "tcea": "38.11%",
        "total": total,
        "reasons": [
            {"text": "Sin comisión: recibes el monto completo.", "kind": "ok"},
            {"text": "Presta menos de lo que pediste.", "kind": "warn"},
        ],
        "choose_url": "#oferta",
        "schedule_url": "#oferta",
    }
