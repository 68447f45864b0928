"""PDF on A4 for what an institution gives in writing: repeated table heads, page numbers, a line of evidence. Pure."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate, Paragraph, Spacer, Table, TableStyle

from accounts.formats import format_percent

INK: Final = colors.HexColor("#1c2430")
MUTED: Final = colors.HexColor("#57606c")
LINE: Final = colors.HexColor("#c9ced6")
HEAD: Final = colors.HexColor("#eef1f5")
MARGIN: Final = 18 * mm
TEXT: Final = ParagraphStyle("text", fontName="Helvetica", fontSize=9, leading=12.5, textColor=INK)
STRONG: Final = ParagraphStyle("strong", parent=TEXT, fontName="Helvetica-Bold")
SMALL: Final = ParagraphStyle("small", parent=TEXT, fontSize=7.5, leading=10, textColor=MUTED)
RIGHT: Final = ParagraphStyle("right", parent=TEXT, alignment=TA_RIGHT)
TITLE: Final = ParagraphStyle("title", parent=TEXT, fontName="Helvetica-Bold", fontSize=16, leading=20)
HEADING: Final = ParagraphStyle("heading", parent=STRONG, fontSize=11, leading=15, spaceBefore=10, spaceAfter=4)


@dataclass
class Paper:
    """A document put together from the top down; `bytes` gives the PDF, the same for the same words."""

    title: str
    issuer: str  # stands at the head of every page
    evidence: str = ""  # stands at the foot of every page
    story: list[Flowable] = field(default_factory=list)

    def heading(self, text: str) -> None:
        self.story.append(Paragraph(_safe(text), HEADING))

    def text(self, text: str, *, small: bool = False) -> None:
        self.story.append(Paragraph(_safe(text), SMALL if small else TEXT))

    def clause(self, title: str, text: str) -> None:
        self.story.append(Paragraph(f"<b>{_safe(title)}.</b> {_safe(text)}", TEXT))
        self.gap(3)

    def gap(self, points: float = 8) -> None:
        self.story.append(Spacer(1, points))

    def facts(self, lines: Iterable[tuple[str, str]]) -> None:
        """Labels and values, one pair a line."""
        cells = [[Paragraph(_safe(label), TEXT), Paragraph(_safe(value), STRONG)] for label, value in lines]
        self.story.append(Table(cells, [92 * mm, A4[0] - 2 * MARGIN - 92 * mm], style=_RULED))

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        foot: Sequence[str] = (),
        first: Sequence[int] = (12, 24),
    ) -> None:
        """A table of figures; its head repeats on every page. The first two columns are words, the others amounts.

        `first`: the first columns' widths in millimetres; the others share the rest.
        """
        cells: list[Any] = [[_cell(name, place, STRONG) for place, name in enumerate(columns)]]
        cells += [[_cell(value, place, TEXT) for place, value in enumerate(row)] for row in rows]
        if foot:
            cells.append([_cell(value, place, STRONG) for place, value in enumerate(foot)])
        width = A4[0] - 2 * MARGIN
        fixed = [one * mm for one in first]
        others = len(columns) - len(fixed)
        widths = [*fixed, *[(width - sum(fixed)) / max(others, 1)] * others]
        self.story.append(Table(cells, widths, repeatRows=1, style=_FIGURES))

    def bytes(self) -> bytes:
        file = io.BytesIO()
        document = BaseDocTemplate(
            file, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN + 6 * mm,
            bottomMargin=MARGIN, title=self.title, author=self.issuer, invariant=1, lang="es-PE",
        )  # fmt: skip
        frame = Frame(document.leftMargin, document.bottomMargin, document.width, document.height, 0, 0, 0, 0)
        document.addPageTemplates(PageTemplate("page", [frame], onPageEnd=self._around))
        document.build([Paragraph(_safe(self.title), TITLE), Spacer(1, 6), *self.story])
        return file.getvalue()

    def _around(self, canvas: Any, document: Any) -> None:
        canvas.saveState()
        canvas.setFillColor(MUTED)
        canvas.setFont("Helvetica", 8)
        canvas.drawString(MARGIN, A4[1] - 14 * mm, _latin(self.issuer))
        canvas.drawRightString(A4[0] - MARGIN, A4[1] - 14 * mm, f"Página {document.page}")
        canvas.setFont("Helvetica", 6.5)
        canvas.drawString(MARGIN, 10 * mm, _latin(self.evidence))
        canvas.restoreState()


_RULED: Final = TableStyle(
    [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
        ("TOPPADDING", (0, 0), (-1, -1), 2.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ]
)
_FIGURES: Final = TableStyle(
    [
        ("BACKGROUND", (0, 0), (-1, 0), HEAD),
        ("LINEBELOW", (0, 0), (-1, -1), 0.3, LINE),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
        ("LEFTPADDING", (0, 0), (-1, -1), 3),
        ("RIGHTPADDING", (0, 0), (-1, -1), 3),
    ]
)


def lender_line(lender: Mapping[str, str]) -> str:
    """Who issues a paper: legal name, RUC where there is one, address."""
    name = f"{lender['legal_name']}, RUC {lender['ruc']}" if lender["ruc"] else lender["legal_name"].removesuffix(".")
    return f"{name}. {lender['address']}".strip()


def contract_pdf(
    summary: Mapping[str, Any],
    schedule: Mapping[str, Any],
    sha256: str,
    *,
    document_number: str,
    signature: Sequence[tuple[str, str]] = (),
) -> bytes:
    """A contract on paper: Hoja Resumen, clauses, cronograma, and how it was signed once it was."""
    lender, borrower = summary["lender"], summary["borrower"]
    paper = Paper(f"Contrato de préstamo {summary['code']}", lender["legal_name"], f"SHA-256 de lo firmado: {sha256}")
    paper.text(lender_line(lender), small=True)
    paper.heading("Hoja Resumen")
    paper.facts(
        [
            ("Entidad", lender["name"]),
            ("Titular", borrower["name"]),
            ("Documento", document_number),
            *((line["label"], line["value"]) for line in summary["lines"]),
        ]
    )
    paper.heading("Lo que debes saber")
    for clause in summary["clauses"]:
        paper.clause(clause["title"], clause["text"])
    paper.heading("Cronograma de pagos, en soles")
    paper.table(*schedule_table(schedule))
    if own := summary["figures"].get("own_part"):
        paper.text(f"Aparte, antes del desembolso: cuota inicial de al menos S/ {_figure(own)}, al vendedor.")
    paper.text(
        f"TCEA {_percent(schedule['tcea'])}. Hecho el {_day(summary['made_on'])}; para firmar hasta el"
        f" {_day(summary['valid_until'])}.",
        small=True,
    )
    if signature:
        paper.heading("Firma")
        paper.facts(signature)
    return paper.bytes()


def schedule_table(schedule: Mapping[str, Any]) -> tuple[list[str], list[list[str]], list[str]]:
    """Heads, rows and totals of a cronograma as `simulate_schedule` answers it; no column for what is never charged."""
    heads = {"total": "Cuota", "principal": "Capital", "interest": "Interés", "insurance": "Seguro", "fees": "Comisión"}
    totals = schedule["totals"]
    names = [name for name in heads if name not in ("insurance", "fees") or Decimal(totals[name])]
    rows = [
        [str(row["n"]), _day(row["due_date"]), *(_figure(row[name]) for name in names), _figure(row["outstanding"])]
        for row in schedule["rows"]
    ]
    foot = ["Total", "", *(_figure(totals[name]) for name in names), ""]
    return ["N.º", "Vence", *(heads[name] for name in names), "Saldo"], rows, foot


def _cell(value: str, place: int, style: ParagraphStyle) -> Paragraph:
    return Paragraph(_safe(value), style if place < 2 else ParagraphStyle("figure", parent=style, alignment=TA_RIGHT))


def _figure(amount: str) -> str:
    whole, _dot, rest = amount.partition(".")
    return f"{int(whole):,}.{rest}"


def _percent(fraction: float) -> str:
    return format_percent(Decimal(str(fraction)))


def _day(iso: str) -> str:
    return f"{date.fromisoformat(iso):%d/%m/%Y}"


def _latin(text: str) -> str:
    """What the built-in fonts can show; the mathematical minus becomes a hyphen, the rest a question mark."""
    return text.replace("−", "-").encode("cp1252", "replace").decode("cp1252")


def _safe(text: str) -> str:
    return escape(_latin(text))
