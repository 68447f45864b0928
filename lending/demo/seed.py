"""Fills an empty product with example data, through the services people use. Safe to interrupt and to repeat."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.db.models import Min

from accounts.actors import Actor
from accounts.audit import checkpoints, sealer
from accounts.clock import LIMA, today
from accounts.crypto import lookup_hash
from accounts.models import Institution, Membership, User
from accounts.services import join_as_applicant
from accounts.services.institutions import create_institution
from accounts.services.mandates import give_mandate
from accounts.services.memberships import add_staff, appoint_first_manager, change_staff
from accounts.services.people import register_person, set_up_second_step
from accounts.tenancy.scope import institution_scope
from lending.demo import comparisons, rights
from lending.demo import loans as loan_stories
from lending.demo.cases import CASES, Case
from lending.demo.loans import STORIES
from lending.demo.papers import photographed
from lending.demo.people import INSTITUTIONS, OPERATOR, PASSWORD, REGULATOR, STAFF, Person
from lending.demo.products import DEFAULTS, OPPORTUNITIES, POLICIES, PRODUCTS
from lending.models import (
    Applicant,
    Application,
    CloseRun,
    Decision,
    Document,
    LendingPolicy,
    Loan,
    Offer,
    Parameter,
    Product,
)
from lending.parameters import MORATORY_SHARE, end_of_period
from lending.selectors.products import usury_cap
from lending.services import applications, decisions, documents, products
from lending.services.assessments import assess_waiting
from lending.services.disparity import summarise
from lending.services.product_import import import_products
from scoring.models import ScoringModel, Segment
from scoring.services import promote_model, train_segment_model

CONSENTS: Final = {"evaluation": True, "automated": True, "bureau": True, "contact": True, "marketing": False}
DEMO_CAP: Final = Decimal("1.1350")
Say = Callable[[str], None]
Status = Application.Status


@dataclass(frozen=True, slots=True)
class SignIn:
    """A line of the table the demo prints."""

    institution: str
    role: str
    name: str
    email: str


@dataclass
class Seeder:
    """Makes what is missing; `say` tells of each part as it is done."""

    say: Say
    password: str = field(default_factory=lambda: make_password(PASSWORD))  # one hash for all: hashing is slow

    def run(self) -> list[SignIn]:
        """Everything, in order; returns who can sign in."""
        self.legal_values()
        operator = self.platform()
        institutions = {row["slug"]: self.institution(operator, row) for row in INSTITUTIONS}
        self.regulator(operator, institutions)
        self.models(operator)
        for slug, institution in institutions.items():
            self.products(slug, institution)
            self.cases(slug, institution)
            self.loans(slug, institution)
            self.rights(institution)
            self.group(slug, institution)
        self.comparisons()
        summarise()
        self.seal()
        return self.sign_ins()

    # -- law and platform

    def legal_values(self) -> None:
        """Where the law's value for today is not published yet, an invented one that says so."""
        if usury_cap(today()):
            return
        start = _half_year(today())
        norm = "Valor de ejemplo para la demostración: el BCRP no ha publicado el de este periodo"
        for code, value in (("usury_cap_tea", DEMO_CAP), ("moratory_cap_tea", DEMO_CAP * MORATORY_SHARE)):
            Parameter.objects.create(
                code=code,
                value=value,
                norm=norm,
                valid_from=start,
                valid_to=end_of_period(start),
                is_demo=True,
            )
        self.say(f"usury cap of {DEMO_CAP:.2%} for the demo (the real one is not published yet)")

    def platform(self) -> Actor:
        user = self._account(OPERATOR, is_operator=True, staff=True)
        return Actor.for_user(user, channel="command", reason="demo")

    def regulator(self, operator: Actor, institutions: dict[str, Institution]) -> None:
        self._account(REGULATOR, staff=True)
        for institution in institutions.values():
            give_mandate(
                actor=operator,
                contact=REGULATOR.email,
                full_name=REGULATOR.name,
                institution_id=institution.pk,
                norm="Oficio de ejemplo 001-2026",
                valid_from=date(2026, 1, 1),
            )

    def institution(self, operator: Actor, row: dict[str, Any]) -> Institution:
        institution = create_institution(actor=operator, **row)
        people = STAFF[row["slug"]]
        first = next(person for person in people if "manager" in person.roles)
        for person in people:
            self._account(person, staff=True)
        with institution_scope(institution.pk):
            if Membership.objects.filter(roles__contains=["manager"]).exists():
                return institution
            appoint_first_manager(actor=operator, contact=first.email, full_name=first.name, site=settings.SITE_URL)
            manager = self._member("manager")
            assert manager.membership_id is not None
            change_staff(
                membership_id=manager.membership_id,
                actor=manager,
                roles=first.roles,
                job_title=first.job,
                branch=first.branch,
            )
            for person in people:
                if person is not first:
                    add_staff(
                        actor=manager,
                        contact=person.email,
                        full_name=person.name,
                        roles=person.roles,
                        job_title=person.job,
                        branch=person.branch,
                        site=settings.SITE_URL,
                    )
        self.say(f"{institution.name}: {len(people)} people")
        return institution

    # -- models

    def models(self, operator: Actor) -> None:
        """A champion for every segment: trained by the system, put in force by a person."""
        for segment in Segment.values:
            shared = ScoringModel.objects.filter(institution=None, segment=segment)
            if shared.filter(status=ScoringModel.Status.CHAMPION).exists():
                continue
            model = train_segment_model(segment=segment, actor=Actor.system("demo"))
            promote_model(model_id=model.pk, actor=operator, reason="Primer modelo, entrenado con datos sintéticos")
            self.say(f"model {model.name} for {segment}: AUC {model.metrics['auc']:.3f}")

    # -- products

    def products(self, slug: str, institution: Institution) -> None:
        with institution_scope(institution.pk):
            manager = self._member("manager")
            if not LendingPolicy.objects.exists():
                products.save_policy(actor=manager, **POLICIES[slug])
            made = 0
            for name, segment, terms in PRODUCTS[slug]:
                if Product.objects.filter(name=name).exists():
                    continue
                product = products.create_product(actor=manager, name=name, segment=segment)
                version = products.save_product_terms(product_id=product.pk, actor=manager, **{**DEFAULTS, **terms})
                products.publish_product(version_id=version.pk, actor=manager)
                made += 1
            import_products(actor=manager, name="oportunidades.csv", content=OPPORTUNITIES.encode())
        if made:
            self.say(f"{institution.name}: {made} products")

    # -- cases

    def cases(self, slug: str, institution: Institution) -> None:
        """Each case in one transaction, so that an interrupted run leaves whole ones."""
        made = 0
        for case in CASES:
            if case.institution == slug:
                if not case.at_counter:
                    self._account(Person(case.email, case.name))  # in the platform's chain, before the lender's
                with institution_scope(institution.pk):
                    made += self._case(institution, case)
        if made:
            self.say(f"{institution.name}: {made} applications")

    def loans(self, slug: str, institution: Institution) -> None:
        """Borrowers, each in one transaction: signed, paid out, paying."""
        made = 0
        for story in STORIES:
            if story.case.institution == slug:
                self._account(Person(story.case.email, story.case.name))
                with institution_scope(institution.pk):
                    if self._case(institution, story.case):
                        application = Application.objects.get(owner__email=story.case.email)
                        loan_stories.tell(story, application, self._applicant(story.case), self._member)
                        made += 1
        if made:
            self.say(f"{institution.name}: {made} borrowers")
        self.months(slug, institution)

    def months(self, slug: str, institution: Institution) -> None:
        """What the borrowers paid since, with the closes in between; an interrupted run is told again."""
        with institution_scope(institution.pk):
            newest = Loan.objects.order_by("-created_at").first()
            if newest is None:
                return
            told_through = newest.created_at.astimezone(LIMA).date() - timedelta(days=1)
            if CloseRun.objects.filter(finished_at__isnull=False, on__gte=told_through).exists():
                return
            cashier = self._member("cashier")
            acts = [
                act
                for story in STORIES
                if story.case.institution == slug
                for loan in Loan.objects.filter(contract__application__owner__email=story.case.email).exclude(
                    disbursed_on=None
                )
                for act in loan_stories.acts_of(story, loan, cashier)
            ]
            first = Loan.objects.aggregate(first=Min("disbursed_on"))["first"] or today()
        loan_stories.live(institution.pk, acts, first)
        self.say(f"{institution.name}: {len(acts)} payments, closed through yesterday")

    def rights(self, institution: Institution) -> None:
        """Complaints, data requests and incidents, in one transaction."""
        with institution_scope(institution.pk):
            made = rights.tell(self._member, self._own)
        if made:
            self.say(f"{institution.name}: {made} complaints, data requests and incidents")

    def group(self, slug: str, institution: Institution) -> None:
        """A village bank whose members borrow, and somebody who answers for a loan."""
        with institution_scope(institution.pk):
            if not loan_stories.gather(slug, self._member("officer")):
                return
        self.say(f"{institution.name}: a village bank with its loans")

    def comparisons(self) -> None:
        """People who compared the lenders with one request."""
        made = sum(
            comparisons.compare(case, self._account(Person(case.email, case.name))) for case in comparisons.PEOPLE
        )
        if made:
            self.say(f"{made} comparisons between lenders")

    def _case(self, institution: Institution, case: Case) -> bool:
        if self._known(institution, case):
            return False
        officer = self._member("officer")
        actor = officer if case.at_counter else self._applicant(case)
        application = applications.start_application(
            actor=actor,
            segment=case.segment,
            amount=case.amount,
            term_months=case.months,
            at_counter=case.at_counter,
        )
        if case.end == "draft":
            self._half_filled(application, actor, case)
            return True
        for kind in case.papers:
            upload = SimpleUploadedFile(f"{kind}.jpg", photographed(kind, case.name))
            documents.add_document(application_id=application.pk, actor=actor, kind=kind, upload=upload)
        applications.submit_application(
            application_id=application.pk, actor=actor, declared=_declared(case), consents={**CONSENTS, **case.consents}
        )
        assess_waiting(institution_id=institution.pk)
        application.refresh_from_db()
        ENDS[case.end](self, case, application, actor)
        return True

    def _known(self, institution: Institution, case: Case) -> bool:
        if case.end == "draft":
            return Application.objects.filter(owner__email=case.email).exists()
        digest = lookup_hash(institution.uuid, "document:dni", case.dni)
        return Applicant.objects.filter(document_hash=digest).exists()

    def _half_filled(self, application: Application, actor: Actor, case: Case) -> None:
        answers = {
            "full_name": case.name,
            "document_type": "dni",
            "document_number": case.dni,
            "phone": case.phone,
            "region": case.region,
            "district": case.district,
            "birth_on_0": str(case.born.day),
            "birth_on_1": str(case.born.month),
            "birth_on_2": str(case.born.year),
        }
        applications.save_step(
            application_id=application.pk, actor=actor, step="identity", answers=answers, complete=True
        )

    # -- ways a case goes on

    def _answered(self, case: Case, application: Application, actor: Actor) -> None:
        """As the program left it."""

    def _chosen(self, case: Case, application: Application, actor: Actor) -> None:
        offer = Offer.objects.filter(application=application, status=Offer.Status.OPEN).order_by("rank").first()
        if offer:
            decisions.choose_offer(offer_id=offer.pk, actor=actor)

    def _visited(self, case: Case, application: Application, actor: Actor) -> None:
        """An officer checked the papers but the photo of the stall, and what the family spends."""
        officer = self._member("officer")
        for document in Document.objects.filter(application=application).exclude(kind="premises"):
            documents.review_document(document_id=document.pk, actor=officer, status="verified", note="")
        if application.status == Status.REFERRED:
            decisions.verify_facts(application_id=application.pk, actor=officer, facts=case.verified)

    def _proposed(self, case: Case, application: Application, actor: Actor, **word: Any) -> Decision | None:
        if application.status != Status.REFERRED:
            return None
        officer, approver = self._member("officer"), self._member("approver")
        says: dict[str, Any] = {
            "outcome": "approve",
            "rationale": "Visita conforme: el ingreso declarado coincide con lo que se vio y con sus papeles.",
            "second_signer_id": approver.user_id,
        }
        return decisions.propose_decision(application_id=application.pk, actor=officer, **{**says, **word})

    def _proposed_otherwise(self, case: Case, application: Application, actor: Actor) -> None:
        self._proposed(
            case,
            application,
            actor,
            amount=case.amount * 4 // 5,
            rationale="La campaña alcanza con menos: el resto del riego ya está hecho.",
        )

    def _approved(self, case: Case, application: Application, actor: Actor) -> None:
        self._decided(self._proposed(case, application, actor), "De acuerdo con la visita y con la cuota.")

    def _declined(self, case: Case, application: Application, actor: Actor) -> None:
        proposal = self._proposed(
            case,
            application,
            actor,
            outcome="decline",
            reason_codes=["income_not_confirmed"],
            rationale="No se encontró el negocio en dos visitas y no hay cuaderno ni boletas.",
        )
        self._decided(proposal, "Conforme: sin ingresos confirmados no se puede fijar una cuota.")

    def _returned(self, case: Case, application: Application, actor: Actor) -> None:
        proposal = self._proposed(case, application, actor)
        self._decided(proposal, "Falta la tarjeta de propiedad y una segunda visita.", agree=False)

    def _decided(self, proposal: Decision | None, rationale: str, *, agree: bool = True) -> None:
        if proposal:
            decisions.decide_application(
                proposal_id=proposal.pk, actor=self._member("approver"), agree=agree, rationale=rationale
            )

    def _review(self, case: Case, application: Application, actor: Actor) -> None:
        decisions.request_review(
            application_id=application.pk,
            actor=actor,
            message="El atraso fue por una operación de mi hijo; desde entonces pago a tiempo.",
        )

    def _withdrawn(self, case: Case, application: Application, actor: Actor) -> None:
        applications.withdraw_application(application_id=application.pk, actor=actor)

    # -- people

    def _account(self, person: Person, *, is_operator: bool = False, staff: bool = False) -> User:
        """The person's account with the demo's password; staff also with a second step."""
        found = User.objects.filter(email=person.email).first()
        if found:
            return found
        demo = Actor.system("demo")
        with transaction.atomic():
            user = register_person(actor=demo, full_name=person.name, email=person.email, is_operator=is_operator)
            user.password = self.password
            user.save(update_fields=["password"])
            if staff:
                set_up_second_step(user=user, actor=demo)
        return user

    def _applicant(self, case: Case) -> Actor:
        return Actor.for_membership(join_as_applicant(User.objects.get(email=case.email)))

    def _own(self, person: Applicant) -> Actor:
        """Somebody with an account, as they themselves act."""
        assert person.user is not None
        return Actor.for_membership(join_as_applicant(person.user))

    def _member(self, role: str) -> Actor:
        """The first member of the institution in scope with this role."""
        found = Membership.objects.filter(roles__contains=[role], is_active=True).select_related("user")
        return Actor.for_membership(found.order_by("pk")[0])

    # -- evidence and sign-ins

    def seal(self) -> None:
        count = sealer.seal_all()
        if count:
            self.say(f"{count} audit entries sealed")
        checkpoints.make_if_due()

    def sign_ins(self) -> list[SignIn]:
        """One line for every account worth trying."""
        lines = [SignIn("Ayni", "operator", OPERATOR.name, OPERATOR.email)]
        lines.append(SignIn("Ayni", "regulator", REGULATOR.name, REGULATOR.email))
        for row in INSTITUTIONS:
            for person in STAFF[row["slug"]]:
                lines.append(SignIn(row["name"], ", ".join(person.roles), person.name, person.email))
            first = next(case for case in CASES if case.institution == row["slug"] and not case.at_counter)
            lines.append(SignIn(row["name"], "applicant", first.name, first.email))
        return lines


ENDS: Final[dict[str, Callable[[Seeder, Case, Application, Actor], Any]]] = {
    "answered": Seeder._answered,
    "lent": Seeder._approved,
    "chosen": Seeder._chosen,
    "visited": Seeder._visited,
    "proposed": Seeder._proposed,
    "proposed_otherwise": Seeder._proposed_otherwise,
    "approved": Seeder._approved,
    "declined": Seeder._declined,
    "returned": Seeder._returned,
    "review": Seeder._review,
    "withdrawn": Seeder._withdrawn,
}


def _declared(case: Case) -> applications.DeclaredApplication:
    return applications.DeclaredApplication(
        full_name=case.name,
        document_number=case.dni,
        birth_on=case.born,
        phone=case.phone,
        region=case.region,
        district=case.district,
        amount=case.amount,
        term_months=case.months,
        purpose=case.purpose,
        facts=case.declared,
    )


def _half_year(day: date) -> date:
    """1 May or 1 November, whichever began the legal period of `day`."""
    if 5 <= day.month < 11:
        return date(day.year, 5, 1)
    return date(day.year if day.month >= 11 else day.year - 1, 11, 1)
