"""What is held of a person as files that other programs read; docs/my-data.md says what is in them."""

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any, Final

from django.utils import timezone

from accounts.exports import csv_lines
from accounts.models import Institution, User
from lending.selectors.held import Look, Section, as_document

FORMAT: Final = "ayni-my-data/1"
README: Final = """Un archivo CSV por cada clase de dato: UTF-8, separado por comas, la primera fila son los nombres de
las columnas. Fechas e instantes en ISO 8601; montos en soles con punto decimal, o en céntimos donde la columna lo
dice; listas y fichas como JSON dentro de la celda. `indice.csv` dice qué es cada archivo y de dónde salió.
El mismo contenido, en un solo archivo JSON descrito por docs/my-data.schema.json, se descarga aparte.
"""


def portable_document(
    institution: Institution, sections: Sequence[Section], looks: Sequence[Look], user: User | None
) -> dict[str, Any]:
    """Everything as one JSON document. `user` is None for a person without an account."""
    return {
        "format": FORMAT,
        "institution": {"name": institution.name, "legal_name": institution.legal_name, "ruc": institution.ruc},
        "made_at": timezone.now().isoformat(),
        "account": account_of(user) if user else None,
        "held": as_document(list(sections)),
        "seen_by": [{"at": one.at.isoformat(), "who": one.who, "role": one.role, "what": one.what} for one in looks],
    }


def portable_tables(document: dict[str, Any]) -> bytes:
    """The same document as a ZIP of CSV files, one for each kind of row, with an index."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("LEEME.txt", README)
        index = [(f"{one['table']}.csv", one["title"], one["source"], len(one["rows"])) for one in document["held"]]
        package.writestr("indice.csv", "".join(csv_lines(("archivo", "contenido", "origen", "filas"), index)))
        for one in document["held"]:
            columns = list(dict.fromkeys(name for row in one["rows"] for name in row))
            rows = ([_cell(row.get(name)) for name in columns] for row in one["rows"])
            package.writestr(f"{one['table']}.csv", "".join(csv_lines(columns, rows)))
        seen = ([one["at"], one["who"], one["role"], one["what"]] for one in document["seen_by"])
        package.writestr("quien-vio.csv", "".join(csv_lines(("instante", "quien", "cargo", "que"), seen)))
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list)) else value


def account_of(user: User) -> dict[str, Any]:
    """The account, which belongs to the person and to no institution."""
    return {
        "full_name": user.full_name,
        "email": user.email,
        "phone": user.phone,
        "phone_verified": user.phone_verified,
        "language": user.language,
        "since": user.date_joined.isoformat(),
        "last_sign_in": user.last_login.isoformat() if user.last_login else None,
    }
