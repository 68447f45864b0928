"""A loan book for trials and measurements: invented people, real arithmetic, balanced books."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import numpy as np
from django.db import connection, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from accounts import audit
from accounts.actors import Actor
from accounts.crypto import encrypt_many, lookup_hashes
from accounts.errors import InvalidState
from accounts.models import Institution, Membership, User
from accounts.tenancy.scope import institution_scope
from lending.bulk import FAR_DAY, ByteStream, binary_rows, keys
from lending.ledger import ACCRUED, CURRENT, OPENING, REFINANCED, accrued
from lending.models import Loan, Product, ProductVersion
from lending.schedules.arrays import due_days, level_schedules

BATCH: Final = 40_000
OFFICERS: Final = 60
BRANCHES: Final = (
    "Cusco", "Sicuani", "Quillabamba", "Urubamba", "Puno", "Juliaca", "Ayaviri", "Arequipa", "Camaná", "Abancay",
    "Andahuaylas", "Huamanga", "Huancayo", "Jauja", "Huánuco", "Cajamarca", "Jaén", "Piura", "Sullana", "Tarapoto",
)  # fmt: skip
_NAMES: Final = tuple(
    "María Rosa Carmen Julia Elena Juana Luz Ana Flor Nélida José Juan Luis Carlos Jorge Víctor Pedro Mario".split()  # noqa: SIM905
)
_SURNAMES: Final = tuple(
    "Quispe Mamani Huamán Flores Condori Rojas Ramos Chávez Mendoza Vargas Ccori Apaza Torres Puma Salas".split()  # noqa: SIM905
)
# name, segment, credit type, terms in months, S/ from and to, TEA from and to, share of the book, risk
PRODUCTS: Final = (
    ("Capital de trabajo", "enterprise", "10", (6, 9, 12, 12, 18), (500, 18_000), (0.36, 0.82), 0.40, 1.0),
    ("Activo fijo", "enterprise", "09", (12, 18, 24), (20_500, 60_000), (0.26, 0.48), 0.07, 0.8),
    ("Crédito agrícola", "farm", "10", (6, 9, 12), (1_000, 15_000), (0.28, 0.52), 0.14, 1.3),
    ("Consumo", "household", "12", (6, 12, 12, 18), (500, 9_000), (0.40, 0.90), 0.28, 1.1),
    ("Mejora de vivienda", "household", "12", (12, 18, 24), (3_000, 25_000), (0.24, 0.42), 0.06, 0.6),
    ("Emprende mujer", "enterprise", "10", (4, 6, 6, 9), (300, 5_000), (0.50, 0.95), 0.05, 0.9),
)
# Installments missed by the day, of loans at risk 1: none, one, two, …
MISSED: Final = (0.888, 0.064, 0.012, 0.008, 0.006, 0.006, 0.005, 0.004, 0.004, 0.003)
_INSURANCE: Final = 7_500_000  # 0.075 % a month, in units of 1e-10
Progress = Callable[[int], None]
_UUID: Final = "uuid"


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the loans of a book refer to."""

    institution: Institution
    on: date
    products: NDArray[np.uint8]
    officers: NDArray[np.int64]
    random: np.random.Generator


@transaction.atomic
def generate_portfolio(
    *, institution: Institution, actor: Actor, loans: int, seed: int, on: date, progress: Progress | None = None
) -> dict[str, Any]:
    """Fill an institution without loans with `loans` of them, as they stand at the end of `on`; all or nothing.

    The same seed and day give the same loans. Their opening balances are one journal for each product. Returns how
    many loans and installments there are. Raises NotAllowed, InvalidState where there are loans.
    """
    actor.require("lending.generate_portfolio")
    with institution_scope(institution.pk):
        if Loan.objects.exists():
            raise InvalidState(_("Esta entidad ya tiene préstamos: genera la cartera en una entidad nueva."))
        random = np.random.default_rng(seed)
        products, officers = _products(institution), _officers(institution)
        ground = _Ground(institution, on, products, officers, random)
        applicants = _people(ground, max(1, loans * 86 // 100), seed)
        sums: dict[tuple[int, bool], list[int]] = {}
        rows = number = 0
        for term, count in _by_term(random, loans):
            rows += _batch(ground, term, count, number, applicants, sums)
            number += count
            if progress:
                progress(count)
        _open_books(ground, sums)
        audit.record(
            actor, "lending.portfolio.generated", institution, loans=loans, installments=rows, seed=seed, on=on
        )
    return {"institution": institution.slug, "on": on.isoformat(), "loans": loans, "installments": rows}


def _products(institution: Institution) -> NDArray[np.uint8]:
    found = []
    for name, segment, _type, terms, amounts, rates, *_shares in PRODUCTS:
        product = Product.objects.create(code=slugify(name)[:40], name=name, segment=segment)
        ProductVersion.objects.create(
            product=product, number=1, status=ProductVersion.Status.PUBLISHED, summary=name,
            amount_min=Decimal(amounts[0]), amount_max=Decimal(amounts[1]), term_min=min(terms), term_max=max(terms),
            tea_min=Decimal(str(rates[0])), tea_max=Decimal(str(rates[1])), insurance_monthly_rate=Decimal("0.00075"),
            amortization=ProductVersion.Amortization.EQUAL_INSTALLMENTS, published_on=date(2024, 1, 2),
        )  # fmt: skip
        found.append(np.frombuffer(product.pk.bytes, np.uint8))
    return np.array(found)


def _officers(institution: Institution) -> NDArray[np.int64]:
    """Their keys; those of a book that was forgotten are taken again."""
    names = {f"asesor-{n:02d}.{institution.slug}@ayni.example": f"Asesor {n:02d}" for n in range(1, OFFICERS + 1)}
    users = [User(email=email, full_name=name) for email, name in names.items()]
    for user in users:
        user.set_unusable_password()
    User.objects.bulk_create(users, ignore_conflicts=True)
    found = list(User.objects.filter(email__in=names).order_by("email").values_list("pk", flat=True))
    Membership.objects.bulk_create(
        (Membership(institution=institution, user_id=key, roles=["officer"]) for key in found), ignore_conflicts=True
    )
    return np.array(found)


def _people(ground: _Ground, count: int, seed: int) -> NDArray[np.uint8]:
    """Applicants; returns their keys."""
    random = ground.random
    start = int(np.datetime64("2023-01-01", "ms").astype(np.int64))
    found = np.sort(keys(np.full(count, start) + np.arange(count) // 1_000, random).view("V16"), axis=0)
    found = found.view(np.uint8).reshape(count, 16)
    first, last = random.integers(0, len(_NAMES), (2, count)), random.integers(0, len(_SURNAMES), (2, count))
    born = np.datetime64("1958-01-01") + random.integers(0, 365 * 46, count)
    region = random.integers(1, 26, count)
    texts = [f"{10_000_000 + (seed * 7919 + n) % 80_000_000:08d}" for n in range(count)]

    def pieces() -> Iterator[bytes]:
        for at in range(0, count, BATCH):
            part = texts[at : at + BATCH]
            sealed, hashes = encrypt_many(part), lookup_hashes(ground.institution.uuid, "document:dni", part)
            lines = [
                f"{bytes(found[at + n]).hex()}\t{_NAMES[first[0, at + n]]} {_NAMES[first[1, at + n]]}"
                f" {_SURNAMES[last[0, at + n]]} {_SURNAMES[last[1, at + n]]}\t{sealed[n]}\t{hashes[n]}"
                f"\t{born[at + n]}\t9{(at + n) % 100_000_000:08d}\t{region[at + n]:02d}\n"
                for n in range(len(part))
            ]
            yield "".join(lines).encode()

    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE new_people (id uuid, full_name text, document text, hash text, born date,"
            " phone text, region text) ON COMMIT DROP"
        )
        cursor.copy_expert("COPY new_people FROM STDIN", ByteStream(pieces()), 1 << 20)
        cursor.execute(
            "INSERT INTO lending_applicant (id, institution_id, full_name, document_type, document_number,"
            " document_hash, ruc, birth_on, phone, email, region, district, updated_at)"
            " SELECT id, %s, full_name, 'dni', document, hash, '', born, phone, '', region, '', now() FROM new_people"
            " ORDER BY id",
            [ground.institution.pk],
        )
        cursor.execute("DROP TABLE new_people")
    return found


def _by_term(random: np.random.Generator, loans: int) -> Iterator[tuple[int, int]]:
    """Batches of loans of one term: (months, how many)."""
    weights: dict[int, float] = {}
    for *_rest, terms, _amounts, _rates, share, _risk in PRODUCTS:
        for term in terms:
            weights[term] = weights.get(term, 0) + share / len(terms)
    counts = random.multinomial(loans, np.array(list(weights.values())) / sum(weights.values()))
    for term, count in zip(weights, counts, strict=True):
        for at in range(0, int(count), BATCH):
            yield term, min(BATCH, int(count) - at)


def _batch(
    ground: _Ground, term: int, count: int, number: int, applicants: NDArray[np.uint8], sums: dict[Any, list[int]]
) -> int:
    """Write `count` loans of `term` months with their installments; returns how many installments."""
    random, on = ground.random, np.datetime64(ground.on, "D")
    shares = np.array([p[6] * p[3].count(term) / len(p[3]) for p in PRODUCTS])
    product = random.choice(len(PRODUCTS), count, p=shares / shares.sum())
    low, high = (np.array([p[4][side] for p in PRODUCTS])[product] for side in (0, 1))
    principal = (low * (high / low) ** random.beta(1.3, 2.2, count) / 10).astype(np.int64) * 1_000
    floor, top = (np.array([p[5][side] for p in PRODUCTS])[product] for side in (0, 1))
    tea = ((floor + (top - floor) * random.random(count)) * 10_000).astype(np.int64) * 10_000
    ended = random.random(count) < 0.05
    age = np.where(ended, term * 31 + random.integers(1, 420, count), random.integers(0, int(term * 30.4) + 12, count))
    by_age = np.argsort(-age)  # loans are written in the order they were paid out, as a book grows
    age, ended = age[by_age], ended[by_age]
    disbursed = on - age
    due = due_days(disbursed, term)
    lines = level_schedules(principal, tea, disbursed, due, np.full(count, _INSURANCE))
    fallen = (due <= on).sum(axis=0)
    risk = np.array([p[7] for p in PRODUCTS])[product] * random.choice([0.4, 1.0, 1.9], count, p=[0.35, 0.45, 0.20])
    draw = 1 - random.random(count) / risk.clip(0.05)
    missed = np.searchsorted(np.cumsum(MISSED)[:-1], draw.clip(0))
    missed = np.where(ended, 0, np.minimum(missed, fallen))
    written_off = (missed >= 8) & (random.random(count) < 0.5)
    place = np.arange(term)[:, None]
    paid = place < (fallen - missed)
    settled = np.minimum(
        due + np.where(random.random((term, count)) < 0.85, 0, random.integers(1, 7, (term, count))), on
    )
    starts = np.vstack([disbursed[None, :], due[:-1]])
    gone = np.clip((on - starts).astype(np.int64), 0, None)
    days = lines.days.astype(np.int64)
    earned = np.where(due <= on, lines.interest, accrued(lines.interest, np.minimum(gone, days), days))
    receivable = (earned - np.where(paid, lines.interest, 0)).sum(axis=0)
    owed = np.where(paid, 0, lines.principal).sum(axis=0)
    late = np.where(missed > 0, (on - due[np.clip(fallen - missed, 0, term - 1), np.arange(count)]).astype(int), 0)
    refinanced = (random.random(count) < np.where(missed > 0, 0.12, 0.012)) & ~written_off & (owed > 0)
    loan_keys = keys(disbursed.astype("datetime64[ms]").astype(np.int64) + number + np.arange(count) // 4, random)
    for one in range(len(PRODUCTS)):
        for again in (False, True):
            here = (product == one) & (refinanced == again) & ~written_off
            total = sums.setdefault((one, again), [0, 0])
            total[0] += int(owed[here].sum())
            total[1] += int(receivable[here].sum())
    first_unpaid = np.clip(fallen - missed, 0, term - 1)
    officer = random.integers(0, len(ground.officers), count)
    next_due = np.where(owed > 0, due[first_unpaid, np.arange(count)], FAR_DAY)
    _copy_loans(ground, term, {
        "id": (_UUID, loan_keys), "applicant": (_UUID, applicants[random.integers(0, len(applicants), count)]),
        "product": (_UUID, ground.products[product]), "number": ("integer", number + 1 + np.arange(count)),
        "kind": ("smallint", np.array([int(p[2]) for p in PRODUCTS])[product]),
        "branch": ("smallint", officer % len(BRANCHES)), "officer": ("bigint", ground.officers[officer]),
        "principal": ("bigint", principal), "tea": ("bigint", tea), "disbursed": ("date", disbursed),
        "first_due": ("date", due[0]), "matures": ("date", due[-1]),
        "closed": ("date", np.where(owed == 0, settled[-1], FAR_DAY)),
        "off": ("date", np.where(written_off, on - 5, FAR_DAY)),
        "judicial": ("date", np.where((late > 150) & (random.random(count) < 0.4) & ~written_off, on - 20, FAR_DAY)),
        "refinanced": ("smallint", refinanced), "installment": ("bigint", lines.installment),
        "owed": ("bigint", owed), "next_due": ("date", next_due),
    })  # fmt: skip

    def by_loan(values: Any) -> NDArray[Any]:
        return np.broadcast_to(values, (term, count)).T.ravel()

    _copy_lines(ground, {
        "loan": (_UUID, np.repeat(loan_keys, term, axis=0)), "place": ("smallint", by_loan(place)),
        "due": ("date", by_loan(due)), "days": ("smallint", by_loan(days)),
        "principal": ("bigint", by_loan(lines.principal)), "interest": ("bigint", by_loan(lines.interest)),
        "insurance": ("bigint", by_loan(lines.insurance)), "outstanding": ("bigint", by_loan(lines.outstanding)),
        "settled": ("date", by_loan(np.where(paid, settled, FAR_DAY))),
    })  # fmt: skip
    return term * count


def _copy_loans(ground: _Ground, term: int, columns: dict[str, tuple[str, NDArray[Any]]]) -> None:
    with connection.cursor() as cursor:
        _copied(cursor, "new_loan", columns)
        cursor.execute(
            """
            INSERT INTO lending_loan (id, institution_id, number, applicant_id, product_id, external_ref, status,
              credit_type, currency, principal, tea, moratory_tea, terms, allocation_order, branch, officer_id,
              recognised_guarantee, guarantee_kind, disbursed_on, first_due_on, matures_on, closed_on, charged_off_on,
              judicial_on, is_refinanced, is_rescheduled, deferred_yield, disbursed, installment, installments,
              principal_outstanding, advance, refunded, next_due_on,
              state_on, revision)
            SELECT id, %(i)s, number, applicant, product, '',
              CASE WHEN off <> '9999-12-31' THEN 'charged_off' WHEN owed = 0 THEN 'paid' ELSE 'active' END,
              lpad(kind::text, 2, '0'), 'PEN', principal, tea / 1e8, 0.12,
              jsonb_build_object('principal', (principal / 100.0)::numeric(14, 2)::text,
                'annual_rate_pct', trim_scale(tea / 1e6)::text, 'installments', %(term)s,
                'disbursement_date', disbursed::text, 'insurance', jsonb_build_object('monthly_rate', '0.075')),
              '[]', (%(branches)s::text[])[branch + 1], officer, 0, '', disbursed, first_due, matures,
              nullif(closed, '9999-12-31'), nullif(off, '9999-12-31'), nullif(judicial, '9999-12-31'), refinanced = 1,
              false, 0, principal, installment, %(term)s, owed, 0, 0, nullif(next_due, '9999-12-31'),
              %(on)s, 1
            FROM new_loan ORDER BY id
            """,
            {"i": ground.institution.pk, "term": term, "branches": list(BRANCHES), "on": ground.on},
        )
        cursor.execute("DROP TABLE new_loan")


def _copy_lines(ground: _Ground, columns: dict[str, tuple[str, NDArray[Any]]]) -> None:
    with connection.cursor() as cursor:
        _copied(cursor, "new_line", columns)
        cursor.execute(
            """
            INSERT INTO lending_installment (institution_id, loan_id, place, n, kind, due_on, days, principal, interest,
              insurance, fees, moratory, paid_principal, paid_interest, paid_insurance, paid_fees, paid_moratory,
              waived_interest, waived_insurance, waived_fees, waived_moratory, earned, outstanding, settled_on)
            SELECT %s, loan, place, place + 1, 'installment', due, days, principal, interest, insurance, 0, 0,
              CASE WHEN paid THEN principal ELSE 0 END, CASE WHEN paid THEN interest ELSE 0 END,
              CASE WHEN paid THEN insurance ELSE 0 END, 0, 0, 0, 0, 0, 0, interest, outstanding,
              nullif(settled, '9999-12-31')
            FROM (SELECT *, settled <> '9999-12-31' AS paid FROM new_line) lines
            """,
            [ground.institution.pk],
        )
        cursor.execute("DROP TABLE new_line")


def _copied(cursor: Any, table: str, columns: dict[str, tuple[str, NDArray[Any]]]) -> None:
    fields = ", ".join(f"{name} {kind}" for name, (kind, _values) in columns.items())
    cursor.execute(f"CREATE TEMPORARY TABLE {table} ({fields}) ON COMMIT DROP")
    rows = ByteStream(binary_rows(columns))
    cursor.copy_expert(f"COPY {table} FROM STDIN (FORMAT binary)", rows, 1 << 20)


def _open_books(ground: _Ground, sums: dict[tuple[int, bool], list[int]]) -> None:
    """One opening journal a product, written in one statement."""
    values: list[str] = []
    parameters: list[Any] = []
    for (product, refinanced), (owed, receivable) in sums.items():
        key = bytes(ground.products[product]).hex()
        for account, amount in (
            (REFINANCED if refinanced else CURRENT, owed), (ACCRUED, receivable), (OPENING, -owed - receivable),
        ):  # fmt: skip
            if amount:
                values.append("(%s::uuid, %s, %s::bigint)")
                parameters += [key, account, amount]
    sql = (
        'INSERT INTO lending_ledgerentry (institution_id, journal, "on", account, currency, amount, event, product_id)'  # noqa: S608
        " SELECT %s, j.journal, %s, v.account, 'PEN', sum(v.amount), 'lending.portfolio.opened', v.product"
        f" FROM (VALUES {', '.join(values)}) v (product, account, amount)"
        " JOIN (SELECT id AS product, gen_random_uuid() AS journal FROM lending_product WHERE institution_id = %s) j"
        " USING (product) GROUP BY j.journal, v.account, v.product"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [ground.institution.pk, ground.on, *parameters, ground.institution.pk])
