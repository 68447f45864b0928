"""Every address × every role: one table says who is let in. An address that the table does not name fails.

Let in means the page, or a word about the form that was sent. Kept out means sent to sign in, 401, 403, or
404 where the thing itself must stay unknown. Anything from 500 on is wrong for everybody.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import time, timedelta
from decimal import Decimal
from http.cookies import SimpleCookie
from itertools import count
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.actors import Actor
from accounts.clock import today
from accounts.models import Institution, Membership, User, Webhook
from accounts.permissions import PERMISSIONS, roles_allowed
from accounts.services.api_clients import create_api_client
from accounts.services.people import set_up_second_step
from accounts.tenancy.scope import institution_scope, person_scope
from accounts.tests import fixtures
from accounts.tests.fixtures import OutsideClient
from lending.facts import STEPS
from lending.models import (
    Application,
    CatalogueOffer,
    Contract,
    ContractGuarantor,
    LendingPolicy,
    MarketOffer,
    MarketRequest,
    Offer,
    ProductVersion,
)
from lending.services.applications import start_application
from lending.services.catalogue import list_version
from lending.services.complaints import file_complaint
from lending.services.contracts import make_contract
from lending.services.data_rights import make_data_request
from lending.services.documents import add_document
from lending.services.groups import form_group
from lending.services.prepayments import ask_prepayment
from lending.services.repayments import record_repayment
from lending.services.restructures import reschedule_loan
from lending.services.statements import add_statement
from lending.services.trials import start_trial
from lending.tests import walk
from lending.tests.conftest import assessed, cap, champions, products, ready  # noqa: F401  (fixtures)
from lending.tests.factories import disbursed_loan, signed_contract
from lending.tests.test_api import body_of
from lending.tests.test_complaints import sheet
from lending.tests.test_incidents import incident
from scoring.models import ScoringModel
from scoring.services.runs import start_run
from scoring.tests.factories import register_model

# ruff: noqa: F811  (fixtures are imported to be named as parameters)

# `applicant` has applied for nothing; `owner` is whose application it is; `outsider` works elsewhere.
WHO = ("anonymous", "outsider", "owner", *fixtures.ROLES)
EVERYBODY = frozenset(WHO)
SIGNED_IN = EVERYBODY - {"anonymous"}
OWNER = frozenset({"owner"})
KEPT_OUT = {401, 403, 404}


@dataclass(frozen=True)
class Address:
    """Who may GET and POST, and what the POST carries (`sent`).

    `missing`: even those who may find nothing there; None when that is all the same.
    """

    get: frozenset[str] | None = None
    post: frozenset[str] | None = None
    missing: bool | None = False
    headers: dict[str, str] = field(default_factory=dict)
    sent: Callable[[], dict[str, Any]] = dict
    as_json: bool = False


def holders(permission: str) -> frozenset[str]:
    """Those who hold it here; an applicant's rights are the owner's as well."""
    roles = roles_allowed(permission) & EVERYBODY
    return roles | OWNER if "applicant" in roles else roles


_keys = count()
VIEW_LOANS = holders("lending.view_loans")
READ_APPLICATIONS = holders("lending.view_applications")
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/i/qori/my/"}


def paper() -> dict[str, Any]:
    return {"kind": "income", "file": walk.photo()}


PUBLIC = Address(get=EVERYBODY)
OWN_ACCOUNT = Address(get=SIGNED_IN, post=SIGNED_IN)
SIGNING_IN = Address(get=EVERYBODY, post=EVERYBODY)
SECOND_STEP = Address(get=SIGNED_IN)
STAFF_PAGE = Address(get=holders("accounts.manage_staff"), post=holders("accounts.manage_staff"))
STAFF_ACT = Address(post=holders("accounts.manage_staff"))
PROGRAMS_ACT = Address(post=holders("accounts.manage_api_clients"))
PRODUCT_PAGE = Address(get=holders("lending.manage_products"), post=holders("lending.manage_products"))
SUPERVISE = holders("portal.view_oversight")
SUPERVISED = Address(get=SUPERVISE, missing=True)
BOOK = Address(get=holders("accounts.view_complaints"))
PRODUCT_ACT = Address(post=holders("lending.manage_products"))
SEES_MODELS = Address(get=holders("scoring.view_models"))
TRAINS = Address(post=holders("scoring.train_model"))

CONTRACT_ACTS = ("code", "sign", "insurance", "cancel")

ADDRESSES: dict[str, Address] = {
    # the platform
    "portal:home": PUBLIC,
    "portal:oversight": Address(get=holders("portal.view_oversight")),
    "portal:after_sign_in": Address(get=SIGNED_IN),
    "portal:account_data": Address(get=SIGNED_IN),
    "portal:demo_outbox": PUBLIC,  # in the demo
    "portal:csp_report": Address(post=EVERYBODY),
    "portal:brands_stylesheet": PUBLIC,
    "portal:brand_stylesheet": PUBLIC,
    "portal:styleguide": PUBLIC,  # in the demo
    "portal:scheme_stylesheet": PUBLIC,
    # between lenders
    "market:check": PUBLIC,
    "market:check_keep": Address(post=EVERYBODY),
    "market:home": Address(get=SIGNED_IN),
    "market:start": Address(get=SIGNED_IN, post=SIGNED_IN),
    "market:request": Address(get=OWNER),
    "market:progress": Address(get=OWNER, headers=HTMX),
    "market:forget": Address(get=OWNER, post=OWNER),
    "market:offer": Address(get=OWNER),
    "market:choose": Address(post=OWNER),
    "market:rate": Address(post=OWNER, sent=lambda: {"rating": "4"}),
    "market:step": Address(get=OWNER, post=OWNER),
    # signing up and in
    **dict.fromkeys(
        (
            *("account_signup", "people:sign_up_by_email", "account_login", "account_request_login_code"),
            *("account_reset_password", "account_confirm_login_code", "account_confirm_password_reset_code"),
            *("account_complete_password_reset", "account_verify_phone", "account_email_verification_sent"),
            "mfa_authenticate",
        ),
        SIGNING_IN,
    ),
    **dict.fromkeys(("account_inactive", "account_password_reset_completed", "account_logout"), PUBLIC),
    # one's own account
    **dict.fromkeys(
        (
            *("people:account", "account_email", "account_change_password", "account_set_password"),
            *("account_change_phone", "account_reauthenticate"),
            *("mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp", "mfa_generate_recovery_codes"),
        ),
        OWN_ACCOUNT,
    ),
    **dict.fromkeys(
        ("people:continue", "mfa_index", "mfa_view_recovery_codes", "mfa_download_recovery_codes"), SECOND_STEP
    ),
    **dict.fromkeys(  # the library's page is ours
        ("people:sessions", "usersessions_list"),
        Address(get=SIGNED_IN, post=SIGNED_IN, sent=lambda: {"end": "others"}),
    ),
    # the API
    "api_docs:schema": PUBLIC,
    "api_docs:docs": PUBLIC,
    "api_docs:token": Address(post=EVERYBODY),
    "api:simulate": Address(post=EVERYBODY),
    "api:application-list": Address(get=SIGNED_IN, post=SIGNED_IN),
    "api:application-detail": Address(get=READ_APPLICATIONS | OWNER),
    "api:application-score": Address(get=READ_APPLICATIONS | OWNER),
    "api:application-offers": Address(get=READ_APPLICATIONS | OWNER),
    "api:application-documents": Address(
        get=READ_APPLICATIONS | OWNER, post=holders("lending.review_documents") | OWNER, sent=paper
    ),
    "api:application-submit": Address(post=OWNER, sent=body_of, as_json=True),
    "api:application-choose": Address(post=OWNER),
    "api:loan-list": Address(get=SIGNED_IN),
    **dict.fromkeys(
        ("api:loan-detail", "api:loan-contract", "api:loan-certificate"),
        Address(get=holders("lending.view_loans") | OWNER),
    ),
    "api:loan-payoff": Address(
        get=holders("lending.view_loans") | OWNER, post=holders("lending.record_repayment"), as_json=True
    ),
    "api:loan-prepayments": Address(
        post=holders("lending.note_prepayment") | OWNER,
        sent=lambda: {"amount": "5", "choice": "advance_installments"},
        as_json=True,
    ),
    "api:loan-withdraw": Address(post=holders("lending.note_prepayment") | OWNER, as_json=True),
    "api:loan-choose": Address(
        post=holders("lending.note_prepayment") | OWNER,
        sent=lambda: {"strategy": "reduce_installment_amount"},
        as_json=True,
    ),
    "api:loan-cancel": Address(
        post=holders("lending.request_disbursement"), sent=lambda: {"reason": "Ya no lo quiere"}, as_json=True
    ),
    "api:loan-give-up-parts": Address(
        post=holders("lending.approve_restructure"), sent=lambda: {"reason": "Ya no lo quiere"}, as_json=True
    ),
    "api:loan-refund": Address(post=holders("lending.reverse_repayment"), as_json=True),
    "api:loan-ask-disbursement": Address(post=holders("lending.request_disbursement"), as_json=True),
    "api:loan-drop-disbursement": Address(
        post=holders("lending.request_disbursement") | holders("lending.disburse_loan"), as_json=True
    ),
    "api:contract-list": Address(post=SIGNED_IN, as_json=True),  # of an offer that the body names
    **dict.fromkeys(
        ("api:contract-detail", "api:contract-pdf"), Address(get=holders("lending.view_contracts") | OWNER)
    ),
    **dict.fromkeys(
        ("api:contract-code", "api:contract-insurance", "api:contract-cancel"),
        Address(post=OWNER | holders("lending.make_contract"), as_json=True),
    ),
    "api:contract-sign": Address(
        post=OWNER | holders("lending.make_contract"),
        sent=lambda: {"code": "123456", "sha256": "0" * 64},
        as_json=True,
    ),
    "api:contract-loan": Address(post=holders("lending.book_loan"), as_json=True),
    "api:loan-disburse": Address(post=holders("lending.disburse_loan"), as_json=True),
    "api:loan-repayments": Address(
        post=holders("lending.record_repayment"), sent=lambda: {"amount": "5"}, as_json=True
    ),
    "api:loan-reverse": Address(
        post=holders("lending.reverse_repayment"), sent=lambda: {"reason": "Era de otra persona"}, as_json=True
    ),
    "api:application-review": Address(post=OWNER, sent=lambda: {"message": "Revisen mi caso, por favor."}),
    "lending:check_keep": Address(post=EVERYBODY),
    # the institution's public pages
    **dict.fromkeys(
        (
            *("lending:landing", "lending:simulator", "lending:tariff"),
            *("lending:data_use", "lending:score_explained"),
            *("lending:landing", "lending:simulator", "lending:tariff", "lending:check"),
            *("lending:complaints", "lending:data_use", "lending:score_explained"),
        ),
        PUBLIC,
    ),
    "lending:complaints": Address(get=EVERYBODY, post=EVERYBODY),
    "lending:complaint_find": Address(get=EVERYBODY, post=EVERYBODY),
    "lending:complaint_copy": Address(get=OWNER),
    # by a link that was sent; whoever came by none is told so
    "lending:guarantor_contract": Address(get=EVERYBODY, post=EVERYBODY),
    "lending:guarantor_code": Address(post=EVERYBODY),
    "lending:guarantor_pdf": PUBLIC,
    "lending:guarantor_link": Address(get=EVERYBODY, missing=True),
    # applying, and one's own applications
    "lending:apply": Address(get=SIGNED_IN, post=SIGNED_IN),
    "lending:apply_counter": Address(get=frozenset({"officer"}), post=frozenset({"officer"})),
    "lending:apply_resume": Address(get=OWNER),
    "lending:apply_step": Address(get=OWNER, post=OWNER),
    "lending:apply_statement": Address(post=OWNER),
    "lending:statement_remove": Address(post=OWNER),
    "lending:apply_documents": Address(get=OWNER, post=OWNER),
    "lending:apply_review": Address(get=OWNER, post=OWNER),
    "lending:document": Address(get=holders("lending.view_documents") | OWNER),
    "lending:document_remove": Address(post=OWNER),
    "lending:my_home": Address(get=SIGNED_IN),
    "lending:my_application": Address(get=OWNER),
    "lending:my_progress": Address(get=OWNER, headers=HTMX),
    "lending:my_reasons": Address(get=OWNER),
    "lending:my_rate": Address(post=OWNER, sent=lambda: {"rating": "4"}),
    "lending:my_decline": Address(post=OWNER),
    "lending:my_review": Address(post=OWNER),
    "lending:my_withdraw": Address(get=OWNER, post=OWNER),
    "lending:my_about_you": Address(get=OWNER, post=OWNER),
    "lending:my_offer": Address(get=OWNER),
    "lending:my_choose": Address(post=OWNER),
    "lending:my_contract_new": Address(post=OWNER),
    "lending:my_contract": Address(get=OWNER),
    "lending:my_contract_pdf": Address(get=OWNER),
    **dict.fromkeys((f"lending:my_contract_{act}" for act in CONTRACT_ACTS), Address(post=OWNER)),
    "lending:desk_contract_new": Address(post=holders("lending.make_contract")),
    "lending:desk_contract": Address(get=holders("lending.view_contracts")),
    "lending:desk_contract_pdf": Address(get=holders("lending.view_contracts")),
    **dict.fromkeys(
        (f"lending:desk_contract_{act}" for act in CONTRACT_ACTS), Address(post=holders("lending.make_contract"))
    ),
    # the desk
    "lending:desk": Address(get=holders("lending.view_desk")),
    "lending:desk_queue": Address(get=READ_APPLICATIONS),
    "lending:desk_case": Address(get=READ_APPLICATIONS),
    "lending:desk_propose": Address(post=holders("lending.propose_decision")),
    "lending:desk_decide": Address(post=holders("lending.decide_application")),
    "lending:desk_verify": Address(get=holders("lending.verify_facts"), post=holders("lending.verify_facts")),
    "lending:desk_unmask": Address(post=holders("lending.unmask_identity")),
    "lending:desk_document": Address(get=holders("lending.view_documents"), post=holders("lending.review_documents")),
    "lending:desk_products": Address(get=holders("lending.view_products")),
    "lending:desk_product_new": PRODUCT_PAGE,
    "lending:desk_products_import": PRODUCT_PAGE,
    "lending:desk_products_template": Address(get=holders("lending.manage_products")),
    "lending:desk_product": PRODUCT_PAGE,
    "lending:desk_product_withdraw": PRODUCT_ACT,
    "lending:desk_product_publish": PRODUCT_ACT,
    "lending:desk_groups": Address(get=VIEW_LOANS, post=holders("lending.manage_groups")),
    "lending:desk_group": Address(get=VIEW_LOANS),
    "lending:desk_group_sheet": Address(get=VIEW_LOANS),
    **dict.fromkeys(
        ("lending:desk_group_join", "lending:desk_group_loan"), Address(post=holders("lending.manage_groups"))
    ),
    "lending:desk_group_close": Address(post=holders("lending.manage_groups")),
    "lending:desk_group_leave": Address(post=holders("lending.manage_groups"), missing=True),
    "lending:desk_guarantees": Address(get=VIEW_LOANS, post=holders("lending.manage_guarantees")),
    "lending:desk_guarantee_release": Address(post=holders("lending.manage_guarantees"), missing=True),
    "lending:desk_matching": Address(get=holders("lending.manage_policy"), post=holders("lending.manage_policy")),
    "lending:desk_matching_end": Address(post=holders("lending.manage_policy")),
    "lending:desk_import": Address(get=holders("lending.import_portfolio"), post=holders("lending.import_portfolio")),
    "lending:desk_import_template": Address(get=holders("lending.import_portfolio")),
    "lending:desk_reports": Address(get=holders("lending.export_reports")),
    "lending:desk_report_file": Address(get=holders("lending.export_reports"), missing=True),
    "lending:desk_policy": Address(get=holders("lending.manage_policy"), post=holders("lending.manage_policy")),
    # one's own data, and those who answer for it
    "lending:my_data": Address(get=SIGNED_IN),
    "lending:my_data_download": Address(get=SIGNED_IN),
    "lending:my_data_ask": Address(get=SIGNED_IN),
    "lending:my_data_consent": Address(post=OWNER, sent=lambda: {"purpose": "marketing", "granted": "1"}),
    "lending:my_data_withdraw": Address(post=OWNER),
    "lending:desk_data": Address(get=holders("accounts.view_requests")),
    "lending:desk_data_request": Address(
        get=holders("accounts.view_requests"), post=holders("accounts.answer_requests")
    ),
    "lending:desk_data_new": Address(get=holders("accounts.file_requests")),
    "lending:desk_data_file": Address(get=holders("accounts.file_requests"), post=holders("accounts.file_requests")),
    "lending:desk_data_copy": Address(get=holders("accounts.answer_requests"), missing=True),
    "lending:desk_data_correction": Address(post=holders("accounts.answer_requests"), missing=True),
    "lending:desk_data_extend": Address(post=holders("accounts.answer_requests")),
    "lending:desk_incidents": Address(get=holders("accounts.view_incidents")),
    "lending:desk_incident_new": Address(
        get=holders("accounts.manage_incidents"), post=holders("accounts.manage_incidents")
    ),
    "lending:desk_incident": Address(get=holders("accounts.view_incidents"), post=holders("accounts.manage_incidents")),
    "lending:desk_incident_act": Address(post=holders("accounts.manage_incidents")),
    "accounts:webhooks": Address(get=holders("accounts.manage_webhooks"), post=holders("accounts.manage_webhooks")),
    "accounts:webhook_close": Address(post=holders("accounts.manage_webhooks")),
    "lending:desk_research": Address(get=holders("accounts.export_research")),
    # the complaints book
    "lending:desk_complaints": BOOK,
    "lending:desk_complaints_export": BOOK,
    "lending:desk_complaints_report": BOOK,
    "lending:desk_complaint": Address(
        get=holders("accounts.view_complaints"), post=holders("accounts.answer_complaints")
    ),
    "lending:desk_complaint_unmask": Address(post=holders("accounts.answer_complaints")),
    # the book
    "lending:desk_portfolio": Address(get=holders("lending.view_portfolio")),
    "lending:desk_portfolio_loans": Address(get=holders("lending.view_portfolio"), missing=None),
    # loans
    **dict.fromkeys(("lending:my_loan", "lending:my_loan_payoff", "lending:my_certificate"), Address(get=OWNER)),
    "lending:my_loan_early": Address(get=OWNER, post=OWNER),
    **dict.fromkeys(("lending:my_early_ask", "lending:my_early_withdraw"), Address(post=OWNER)),
    "lending:desk_early": Address(get=holders("lending.note_prepayment"), post=holders("lending.note_prepayment")),
    **dict.fromkeys(
        ("lending:desk_early_ask", "lending:desk_early_withdraw"), Address(post=holders("lending.note_prepayment"))
    ),
    "lending:desk_prepayments": Address(get=holders("lending.view_loans")),
    "lending:desk_refund": Address(get=holders("lending.reverse_repayment"), post=holders("lending.reverse_repayment")),
    "lending:desk_loan_parts": Address(
        get=holders("lending.approve_restructure"), post=holders("lending.approve_restructure")
    ),
    "lending:my_receipt": Address(get=OWNER),
    **dict.fromkeys(
        (
            *("lending:desk_loans", "lending:desk_loan", "lending:desk_loan_payoff", "lending:desk_certificate"),
            *("lending:desk_receipt", "lending:desk_change"),
        ),
        Address(get=holders("lending.view_loans")),
    ),
    "lending:desk_loan_book": Address(post=holders("lending.book_loan")),
    "lending:desk_disbursement_new": Address(
        get=holders("lending.request_disbursement"), post=holders("lending.request_disbursement")
    ),
    "lending:desk_contract_guarantors": Address(post=holders("lending.make_contract")),
    **dict.fromkeys(
        (f"lending:desk_guarantor_{act}" for act in ("code", "link", "sign", "drop")),
        Address(post=holders("lending.make_contract")),
    ),
    "lending:desk_loan_cancel": Address(post=holders("lending.request_disbursement")),
    "lending:desk_disbursement": Address(get=holders("lending.disburse_loan"), post=holders("lending.disburse_loan")),
    "lending:desk_disbursement_cancel": Address(
        post=holders("lending.request_disbursement") | holders("lending.disburse_loan")
    ),
    "lending:desk_cash": Address(get=holders("lending.record_repayment")),
    "lending:desk_bank_files": Address(
        get=holders("lending.import_bank_file"), post=holders("lending.import_bank_file")
    ),
    "lending:desk_payment": Address(get=holders("lending.record_repayment"), post=holders("lending.record_repayment")),
    "lending:desk_reversal": Address(
        get=holders("lending.reverse_repayment"), post=holders("lending.reverse_repayment")
    ),
    "lending:desk_change_new": Address(
        get=holders("lending.propose_restructure"), post=holders("lending.propose_restructure")
    ),
    "lending:desk_change_contract": Address(post=holders("lending.make_contract")),
    "lending:my_change_contract": Address(post=OWNER),
    "lending:desk_change_approve": Address(post=holders("lending.approve_restructure")),
    # the officer proposed it, and may take it back
    "lending:desk_change_reject": Address(post=holders("lending.approve_restructure") | {"officer"}),
    "lending:desk_collections": Address(get=holders("lending.view_collections")),
    "lending:desk_collection": Address(get=holders("lending.view_collections"), missing=None),
    "lending:desk_promise_cancel": Address(post=holders("lending.log_contact"), missing=None),
    # the analyst's and the validator's pages
    **dict.fromkeys(
        (
            *("scoring:models", "scoring:dataset", "scoring:explore", "scoring:run", "scoring:run_progress"),
            *("scoring:watching", "scoring:features", "scoring:features_json", "scoring:model"),
            *("scoring:contributions", "scoring:comparison"),
            *("scoring:card", "scoring:card_html", "scoring:card_pdf"),
        ),
        SEES_MODELS,
    ),
    "scoring:datasets": Address(get=holders("scoring.view_models"), post=holders("scoring.train_model")),
    "scoring:dataset_export": Address(post=holders("scoring.export_dataset")),
    **dict.fromkeys(("scoring:train", "scoring:retrain", "scoring:run_resume"), TRAINS),
    "scoring:watching_look": Address(post=holders("scoring.watch_models")),
    "scoring:files": Address(get=holders("scoring.score_file"), post=holders("scoring.score_file")),
    "scoring:files_progress": Address(get=holders("scoring.score_file")),
    "scoring:file": Address(get=holders("scoring.score_file"), missing=True),
    **dict.fromkeys(("scoring:promote", "scoring:rollback"), Address(post=holders("scoring.promote_model"))),
    **dict.fromkeys(("scoring:challenge", "scoring:withdraw"), Address(post=holders("scoring.challenge_model"))),
    # the manager's pages
    "accounts:staff": Address(get=holders("accounts.manage_staff")),
    "accounts:staff_new": STAFF_PAGE,
    "accounts:staff_edit": STAFF_PAGE,
    "accounts:staff_access": STAFF_ACT,
    "accounts:staff_second_step": STAFF_ACT,
    "accounts:settings": Address(
        get=holders("accounts.manage_institution"), post=holders("accounts.manage_institution")
    ),
    "accounts:client_new": PROGRAMS_ACT,
    "accounts:client_secret": Address(
        get=holders("accounts.manage_api_clients"), post=holders("accounts.manage_api_clients")
    ),
    "accounts:client_close": PROGRAMS_ACT,
    # regulators' pages; the walk's rows are not committed, so their role finds no institution
    "portal:oversight_looks": Address(get=SUPERVISE),
    "portal:oversight_compare": Address(get=SUPERVISE),
    "portal:oversight_models": Address(get=SUPERVISE),
    "portal:oversight_model": SUPERVISED,
    "portal:oversight_impact": SUPERVISED,
    "portal:supervised": SUPERVISED,
    "portal:supervised_verify": Address(post=SUPERVISE, missing=True),
    "portal:supervised_evidence": Address(get=SUPERVISE, post=SUPERVISE, missing=True),
    "portal:supervised_changes": SUPERVISED,
    "portal:supervised_fairness": SUPERVISED,
    "portal:supervised_cases": SUPERVISED,
    "portal:supervised_versions": SUPERVISED,
    "portal:supervised_checkpoint": SUPERVISED,
    "portal:supervised_object": SUPERVISED,
    "fairness": Address(get=holders("lending.view_fairness"), post=holders("lending.reply_to_disparity")),
    # the auditor's pages
    "audit_evidence": Address(get=holders("accounts.view_audit"), post=holders("accounts.view_audit")),
    "audit_changes": Address(get=holders("accounts.view_audit")),
    "audit": Address(get=holders("accounts.view_audit")),
    "audit_verify": Address(post=holders("accounts.view_audit")),
    "audit_checkpoint": Address(get=holders("accounts.view_audit"), missing=True),
    "audit_object": Address(get=holders("accounts.view_audit")),
}
# The operators' admin, guarded as a whole (`accounts.admin.OperatorsSite`).
# What operators find there is tested in accounts/tests/test_admin.py; here, that nobody else does.
ADMIN = Address(get=holders("portal.view_admin"), missing=None)


def patterns(resolver: Any = None, spaces: tuple[str, ...] = (), names: tuple[str, ...] = ()) -> Iterator[Any]:
    """(address name, its parameters) of everything the site answers."""
    for entry in (resolver or get_resolver()).url_patterns:
        known = (*names, *entry.pattern.regex.groupindex)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, (*spaces, entry.namespace) if entry.namespace else spaces, known)
        elif isinstance(entry, URLPattern):
            yield ":".join((*spaces, entry.name or str(entry.pattern))), known


def own_addresses() -> dict[str, tuple[str, ...]]:
    return {name: parameters for name, parameters in patterns() if not name.startswith("admin:")}


def admin_addresses() -> dict[str, tuple[str, ...]]:
    return {name: known for name, known in patterns() if re.fullmatch(r"admin:\w+", name)}


# --- the table names everything, and nothing else ----------------------------------------------------------------
def test_every_address_is_in_the_table():
    assert set(own_addresses()) - set(ADDRESSES) == set()


def test_the_table_names_no_address_that_is_gone():
    assert set(ADDRESSES) - set(own_addresses()) == set()


def test_every_permission_is_held_by_roles_that_exist():
    known = {*fixtures.ROLES, "integrator", "system"}
    assert {role for roles in PERMISSIONS.values() for role in roles} <= known


# --- the walk ------------------------------------------------------------------------------------------------------
@dataclass
class World:
    """An institution with an assessed application, a draft, papers, products and a program."""

    institution: Institution
    values: dict[str, Any]
    draft: Application
    people: dict[str, Actor]
    market_offer_id: Any

    def values_for(self, name: str) -> dict[str, Any]:
        """Steps of applying belong to the draft, everything else to the assessed application."""
        if name == "lending:desk_import_template":
            return {**self.values, "kind": "csv"}
        if name in ("market:offer", "market:choose", "market:rate"):
            return {**self.values, "offer_id": self.market_offer_id}
        if name.startswith("lending:apply_") or name == "api:application-submit":
            return {**self.values, "application_id": self.draft.pk, "pk": self.draft.pk}
        if name.startswith("api:contract"):
            return {**self.values, "pk": self.values["contract_id"]}
        if name.startswith("api:loan"):
            return {**self.values, "pk": self.values["loan_id"]}
        return self.values


@pytest.fixture(autouse=True)
def _a_demo_with_its_own_folder(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = settings.OUTBOX_ROOT = str(tmp_path)
    settings.DEMO = True


@pytest.fixture
def world(institution: Institution, other_institution: Institution, assessed: Any, actor_as: Any) -> World:
    people = {role: actor_as(role) for role in fixtures.ROLES}
    people["owner"] = actor_as("applicant")
    people["outsider"] = actor_as("officer", "approver", "manager", "auditor", "applicant", at=other_institution)
    for actor in people.values():
        set_up_second_step(user=User.objects.get(pk=actor.user_id), actor=Actor.system("test"))
    application = assessed("household", actor=people["owner"])
    draft = start_application(actor=people["owner"], segment="farm")  # of a kind that nobody sends below
    # Before the draft: whoever starts again is given the draft nobody typed in.
    contract = contract_of(assessed("household", actor=people["owner"]))
    loan = loan_of(assessed("household", actor=people["owner"]), people)
    draft = start_application(actor=people["owner"], segment="household")
    complaint = file_complaint(actor=people["owner"], sheet=sheet())
    document = add_document(application_id=application.pk, actor=people["owner"], kind="income", upload=walk.photo())
    client, _secret = create_api_client(actor=people["manager"], name="Banca móvil")
    version = ProductVersion.objects.first()
    with institution_scope(institution.pk):
        list_version(version)
        group = form_group(
            actor=people["officer"], name="Las Flores", meets_at="Local comunal", weekday=1, meets_from=time(18)
        )
        trial = start_trial(actor=people["manager"], name="Rinde", share=Decimal("0.5"), return_bound=Decimal("0.02"))
    with person_scope(people["owner"].user_id):
        market_request, market_offer = compared(people["owner"], CatalogueOffer.objects.get(pk=version.pk))
    bystander = Membership.objects.get(pk=people["cashier"].membership_id)
    values = {
        "slug": institution.slug,
        "application_id": application.pk,
        "pk": application.pk,
        "offer_id": Offer.objects.first().pk,
        "market_id": market_request.pk,
        "trial_id": trial.pk,
        "group_id": group.pk,
        "member_id": 1,
        "guarantee_id": application.pk,
        "document_id": document.pk,
        "contract_id": contract.pk,
        "guarantor_id": ContractGuarantor.objects.create(
            contract=contract, guarantor=contract.applicant, kind="surety", named_by_id=people["officer"].user_id
        ).pk,
        "step": STEPS["household"][0].name,
        "product_id": version.product_id,
        "version_id": version.pk,
        "membership_id": bystander.pk,
        **loan,
        "promise_id": application.pk,
        "report": "anexo-5",
        "on": "2026-01-31",
        "client_id": client.pk,
        **models_of(institution, people["analyst"]),
        "statement_id": add_statement(
            application_id=draft.pk, actor=people["owner"], kind="bank", upload=statement()
        ).pk,
        "complaint_id": complaint.pk,
        "request_id": make_data_request(actor=people["owner"], kind="access", text="Quiero ver mis documentos.").pk,
        "correction_id": 1,
        "incident_id": incident(people["manager"]).pk,
        "what": "authority",
        "token": "nobody-was-sent-this",
        "webhook_id": Webhook.objects.create(
            url="https://caja.example/avisos", events=[], secret="x", created_by_id=people["manager"].user_id
        ).pk,
        "form": "json",
        "kind": "access",
        "number": 1,
        "subject_type": "lending.application",
        "subject_id": str(application.pk),
        "object_id": institution.pk,
        "content_type_id": 1,
        "app_label": "accounts",
    }
    return World(institution, values, draft, people, market_offer.pk)


def compared(owner: Actor, terms: CatalogueOffer) -> tuple[MarketRequest, MarketOffer]:
    """A national request of the owner with one offer that may be chosen."""
    request = MarketRequest.objects.create(
        user_id=owner.user_id, segment=terms.segment, status=MarketRequest.Status.ANSWERED, amount=1000, term_months=6
    )
    offer = MarketOffer.objects.create(
        user_id=owner.user_id, request=request, terms=terms, lender_id=terms.lender_id, status="open", rank=1,
        amount=1000, received=1000, term_months=6, installments=6, installment=190, total=1140, tea=terms.tea_min,
        tcea=terms.tea_min, disbursement_on=today(), valid_until=today(),
    )  # fmt: skip
    return request, offer


def statement() -> SimpleUploadedFile:
    return SimpleUploadedFile("movimientos.csv", b"fecha,monto\n05/01/2026,20.00\n")


def models_of(institution: Institution, analyst: Actor) -> dict[str, Any]:
    """A candidate with its data set, and a run that waits; no file was scored."""
    model = register_model("farm", institution, ScoringModel.Status.CANDIDATE)
    run = start_run(segment="farm", actor=analyst, institution=institution)
    return {"model_id": model.pk, "dataset_id": model.dataset_id, "run_id": run.pk, "file_id": model.pk}


def loan_of(application: Application, people: dict[str, Actor]) -> dict[str, Any]:
    """A loan in payment with a payment, and a change that the officer proposed."""
    offer = contract_of(application).offer
    loan = disbursed_loan(signed_contract(offer, people["owner"]), people["officer"], people["approver"])
    paid = record_repayment(loan_id=loan.pk, actor=people["cashier"], amount=Decimal(50))
    change = reschedule_loan(
        loan_id=loan.pk, actor=people["officer"], installments=12, first_due_on=today() + timedelta(days=40),
        reason="Perdió un mes de ventas",
    )  # fmt: skip
    asked = ask_prepayment(
        loan_id=loan.pk, actor=people["owner"], amount=Decimal(500), choice="reduce_installment_amount"
    )
    return {
        "loan_id": loan.pk,
        "disbursement_id": loan.disbursements.get().pk,
        "repayment_id": paid.pk,
        "prepayment_id": asked.pk,
        "restructure_id": change.pk,
        "change": "reschedule",
    }


def contract_of(application: Application) -> Contract:
    """The contract of the application's first offer, which the owner chose."""
    LendingPolicy.objects.update(insurer="Vida Andes", insurance_policy="DG-77")
    Application.objects.filter(pk=application.pk).update(status=Application.Status.APPROVED)
    offer = application.offers.first()
    Offer.objects.filter(pk=offer.pk).update(status=Offer.Status.CHOSEN)
    return make_contract(offer_id=offer.pk, actor=Actor.for_user(application.owner))


@pytest.mark.django_db(databases=["default", "regulator"])
@pytest.mark.parametrize("who", WHO)
def test_each_role_enters_where_the_table_says_and_nowhere_else(world: World, who: str):
    browser = OutsideClient(raise_request_exception=False)
    if who != "anonymous":
        browser.sign_in(User.objects.get(pk=world.people[who].user_id))
    signed_in = SimpleCookie({key: morsel.value for key, morsel in browser.cookies.items()})
    wrong = []
    for name, method, entry, path in journey(world):
        browser.cookies = SimpleCookie(signed_in)
        with transaction.atomic():
            answer = ask(browser, method, path, entry)
            transaction.set_rollback(True)
        problem = judge(answer, who, (entry.get if method == "get" else entry.post) or frozenset(), entry.missing)
        if problem:
            wrong.append(f"{method.upper()} {name}: {problem}")
    assert not wrong, "\n".join(wrong)


def journey(world: World) -> Iterable[tuple[str, str, Address, str]]:
    """Every address with each method it serves."""
    parameters = own_addresses()
    for name, entry in ADDRESSES.items():
        values = world.values_for(name)
        path = reverse(name, kwargs={key: values[key] for key in parameters[name]})
        for method in ("get", "post"):
            if getattr(entry, method) is not None:
                yield name, method, entry, path
    for name, known in admin_addresses().items():
        path = reverse(name, kwargs={key: world.values[key] for key in known})
        yield name, "get", PUBLIC if name == "admin:login" else ADMIN, path


def ask(browser: OutsideClient, method: str, path: str, entry: Address) -> HttpResponse:
    if method == "get":
        return browser.get(path, headers=entry.headers)
    headers = {**entry.headers, "Idempotency-Key": f"walk-{next(_keys)}"}
    kind = {"content_type": "application/json"} if entry.as_json else {}
    return browser.post(path, entry.sent(), headers=headers, **kind)


def judge(answer: HttpResponse, who: str, allowed: frozenset[str], missing: bool | None) -> str:
    """What is wrong with the answer for this person; empty when nothing is."""
    status = answer.status_code
    to = answer.headers.get("Location", "") or answer.headers.get("HX-Redirect", "")
    sent_to_sign_in = to.startswith("/accounts/login/?next=")
    if status >= 500 and status != 503:
        return f"broke with {status}"
    if status == 405:
        return "serves no such method"
    kept_out = sent_to_sign_in or status in KEPT_OUT
    if who in allowed and missing:
        return "" if status == 404 else f"should find nothing there, got {status}"
    if who in allowed and missing is None and status in KEPT_OUT:
        return ""
    if who in allowed and kept_out:
        return f"should be let in, got {status} {to}".rstrip()
    if who not in allowed and not kept_out:
        return f"should be kept out, got {status} {to}".rstrip()
    return "" if who != "anonymous" or status != 404 or who in allowed else "should be sent to sign in, got 404"
