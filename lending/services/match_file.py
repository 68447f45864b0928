"""Very many people from a file matched to an institution's products, at once. Reads; writes nothing of its own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, InvalidInput
from lending import facts as declared_facts
from lending.affordability import assess, largest_installment
from lending.facts import FACTS
from lending.imports.sheets import CellProblem, SheetRefused, read_sheet
from lending.matching import ApplicantProfile, ProductTerms
from lending.matching.batch import UNKNOWN, Applicants, match_many
from lending.matching.eligibility import eligibility
from lending.matching.engine import nothing_left
from lending.matching.told import no_offer_reason, offer_reasons, tell
from lending.money import from_centimos
from lending.reasons import BLOCK, SEGMENTS, VERIFY, Reason, why_not
from lending.schedules.arrays import TEA_SCALE
from lending.selectors.products import activity_months, policy_in_force, stress_policy
from lending.services.evaluation import Terms, terms_in_force
from scoring import registry

MOST_ROWS: Final = 200_000
LARGEST_BYTES: Final = 200 * 2**20
HEADINGS: Final = (
    *("reference", "rank", "product", "amount", "term_months", "tea", "installment", "total", "tcea", "reasons"),
)
_OWN: Final = frozenset({"reference", "segment", "age"})


@dataclass(frozen=True, slots=True)
class Matched:
    """Lines for a table as `HEADINGS` says: up to `top` for each person, or one that says why there is none."""

    people: int
    with_offers: int
    lines: Iterator[list[Any]]


def match_file(*, actor: Actor, name: str, content: bytes, top: int = 5, score: bool = True) -> Matched:
    """Offers for everybody in a CSV or XLSX file: `reference`, `segment`, `age` and any declared facts.

    Facts are in the units the API takes. `score` uses the segment's model in force where there is one. Raises
    NotAllowed, InvalidInput, and SheetRefused with every cell that is wrong.
    """
    actor.require("lending.match_file")
    rows = read_sheet(name, content, largest=LARGEST_BYTES, most=MOST_ROWS)
    read, problems = [], []
    for number, row in rows:
        try:
            read.append(_read(row))
        except InvalidInput as refusal:
            problems += [CellProblem(number, key, text) for key, texts in refusal.fields.items() for text in texts]
    if problems:
        raise SheetRefused(problems)
    policy = policy_in_force()
    terms, stress = terms_in_force(policy), stress_policy(policy)
    models = (
        {segment: _model(segment) for segment in {segment for _reference, segment, *_rest in read}} if score else {}
    )
    profiles = []
    for _reference, segment, age, facts in read:
        scored = models[segment].score(facts) if models.get(segment) else None
        profiles.append(
            ApplicantProfile(
                segment=segment,
                amount=facts["amount"],
                term_months=facts["term_months"],
                on=terms.on,
                affordability=assess(segment, facts, None, stress),
                age=age,
                score=scored.score if scored else None,
                pd=Decimal(scored.pd).quantize(Decimal("1e-8")) if scored else None,
                region=facts.get("region"),
                sector=facts.get("sector"),
                crop=facts.get("crop"),
                activity_months=activity_months(segment, facts),
                creditors=facts.get("creditors"),
                harvest_month=facts.get("harvest_month"),
            )
        )
    people = Applicants.from_profiles(profiles, terms.matching.capacity)
    best = match_many(people, terms.products, terms.matching, top=top)
    references = [reference for reference, *_rest in read]
    lines = _lines(references, people, terms.products, best, top, lambda person: _why_none(profiles[person], terms))
    return Matched(len(read), int((best.offers > 0).sum()), lines)


def _lines(
    references: list[str], people: Applicants, products: Any, best: Any, top: int, why_none: Callable[[int], str]
) -> Iterator[list[Any]]:
    told = tell(people, products, best)
    listed: list[ProductTerms] = list(products)
    for person, reference in enumerate(references):
        none = no_offer_reason(people, best, person)
        if none is not None:
            words = why_not([none]) if best.open[person] else why_none(person)
            yield [reference, "", "", "", "", "", "", "", "", words]
            continue
        for slot in range(top):
            place = int(best.product[person, slot])
            if place == UNKNOWN:
                break
            words = " ".join(reason.text for reason in offer_reasons(told, best, listed, person, slot))
            money = [from_centimos(int(getattr(best, column)[person, slot])) for column in ("installment", "total")]
            yield [
                reference, slot + 1, listed[place].name, from_centimos(int(best.amount[person, slot])),
                int(best.term_months[person, slot]), Decimal(int(best.tea[person, slot])) / TEA_SCALE, *money,
                round(float(best.tcea[person, slot]), 6), words,
            ]  # fmt: skip


def _why_none(profile: ApplicantProfile, terms: Terms) -> str:
    """Why no product is open to somebody and what would change it: of the product that asks for least."""
    table, policy = profile.affordability, terms.matching
    if not table.is_known:
        return why_not([Reason("income_unknown", VERIFY)])
    if largest_installment(table, policy.capacity) <= 0:
        return why_not([nothing_left(table, policy.capacity)])
    answers = [
        (product.name, [one for one in eligibility(profile, product, policy) if one.tone == BLOCK])
        for product in terms.products
        if product.segment == profile.segment
    ]
    if not answers:
        return why_not([Reason("no_product_fits", BLOCK)])
    name, blocks = min(answers, key=lambda answer: len(answer[1]))
    return f"{name}: {why_not(blocks)}"


def _read(row: Mapping[str, str]) -> tuple[str, str, int | None, dict[str, Any]]:
    unknown = [heading for heading in row if heading not in FACTS and heading not in _OWN]
    if unknown:
        raise InvalidInput(fields={heading: [_("Este dato no existe")] for heading in unknown})
    segment = row.get("segment", "")
    if segment not in SEGMENTS:
        raise InvalidInput(fields={"segment": [_("Escribe household, enterprise o farm")]})
    age = row.get("age", "")
    if age and not (age.isascii() and age.isdigit() and len(age) < 4):
        raise InvalidInput(fields={"age": [_("Escribe un número entero, por ejemplo 12")]})
    asked = {name: _value(name, cell) for name, cell in row.items() if cell and name in FACTS}
    return row.get("reference", ""), segment, int(age) if age else None, declared_facts.validate(segment, asked)


def _value(name: str, cell: str) -> Any:
    """Yes and no are words in a table."""
    if FACTS[name].kind == "yesno":
        return {"true": True, "false": False, "1": True, "0": False, "sí": True, "si": True, "no": False}.get(
            cell.lower(), cell
        )
    return cell


def _model(segment: str) -> Any:
    try:
        return registry.live_model(registry.champion(segment))
    except DomainError:  # no model in force: everybody is matched at the dearest
        return None
