"""One table of who may do what. Views, API, tasks and commands all ask it."""

STAFF = frozenset({"officer", "approver", "cashier", "collector", "manager", "analyst", "validator", "auditor"})

# permission: roles that carry it
PERMISSIONS: dict[str, frozenset[str]] = {
    # people and institutions
    "accounts.manage_staff": frozenset({"manager", "system"}),
    "accounts.manage_institution": frozenset({"manager"}),
    "accounts.manage_api_clients": frozenset({"manager"}),
    "accounts.create_institution": frozenset({"operator", "system"}),
    "accounts.give_mandate": frozenset({"operator", "system"}),
    "accounts.register_person": frozenset({"operator", "system"}),
    "accounts.reset_second_step": frozenset({"operator"}),
    "accounts.close_account": frozenset({"operator"}),
    "accounts.make_operator": frozenset({"system"}),
    "accounts.view_audit": frozenset({"auditor"}),
    # what people may ask of the institution
    "accounts.view_requests": frozenset({"manager", "auditor"}),
    "accounts.answer_requests": frozenset({"manager"}),
    "accounts.file_requests": frozenset({"officer", "manager"}),
    "accounts.view_complaints": frozenset({"manager", "auditor"}),
    "accounts.answer_complaints": frozenset({"manager"}),
    "accounts.view_incidents": frozenset({"manager", "auditor"}),
    "accounts.manage_incidents": frozenset({"manager"}),
    "accounts.manage_webhooks": frozenset({"manager"}),
    "accounts.export_research": frozenset({"manager", "system"}),
    "accounts.purge": frozenset({"system"}),
    # models
    "scoring.view_models": frozenset({"analyst", "validator", "auditor", "officer", "approver", "manager"}),
    "scoring.train_model": frozenset({"analyst", "system"}),
    "scoring.promote_model": frozenset({"validator", "operator"}),
    "scoring.challenge_model": frozenset({"analyst", "validator", "operator"}),
    "scoring.load_signals": frozenset({"operator", "system"}),
    "scoring.record_outcomes": frozenset({"system"}),
    "scoring.watch_models": frozenset({"system", "analyst"}),
    "scoring.score_file": frozenset({"analyst", "system"}),
    "scoring.export_dataset": frozenset({"analyst"}),
    # lending
    "lending.apply": frozenset({"applicant"}),
    "lending.file_for_applicant": frozenset({"officer", "integrator"}),
    "lending.view_desk": STAFF,
    "lending.view_applications": frozenset({"officer", "approver", "manager", "auditor"}),
    "lending.view_restricted": frozenset({"auditor"}),
    "lending.view_documents": frozenset({"officer", "approver", "manager", "auditor"}),
    "lending.review_documents": frozenset({"officer", "approver"}),
    "lending.unmask_identity": frozenset({"officer", "approver"}),
    "lending.verify_facts": frozenset({"officer"}),
    "lending.propose_decision": frozenset({"officer"}),
    "lending.decide_application": frozenset({"approver"}),
    "lending.assess_application": frozenset({"system", "officer"}),
    "lending.view_contracts": frozenset({"officer", "approver", "manager", "auditor"}),
    "lending.make_contract": frozenset({"officer"}),
    "lending.view_products": STAFF,
    "lending.manage_products": frozenset({"manager"}),
    "lending.match_file": frozenset({"manager", "analyst", "officer", "system"}),
    "lending.manage_policy": frozenset({"manager"}),
    "lending.close_day": frozenset({"manager", "system"}),
    "lending.import_portfolio": frozenset({"manager", "system"}),
    "lending.export_reports": frozenset({"manager", "auditor", "system"}),
    "lending.generate_portfolio": frozenset({"system"}),
    "lending.add_legal_value": frozenset({"operator"}),
    # loans
    "lending.view_loans": frozenset({"officer", "approver", "cashier", "collector", "manager", "auditor"}),
    "lending.book_loan": frozenset({"officer", "system"}),
    "lending.manage_groups": frozenset({"officer", "manager"}),
    "lending.manage_guarantees": frozenset({"officer", "manager"}),
    "lending.request_disbursement": frozenset({"officer"}),
    "lending.disburse_loan": frozenset({"cashier", "approver"}),
    "lending.record_repayment": frozenset({"cashier", "integrator"}),
    "lending.note_prepayment": frozenset({"officer", "cashier"}),
    "lending.import_bank_file": frozenset({"cashier"}),
    "lending.reverse_repayment": frozenset({"approver", "manager"}),
    "lending.add_charge": frozenset({"officer", "manager"}),
    "lending.propose_restructure": frozenset({"officer", "collector", "manager"}),
    "lending.approve_restructure": frozenset({"approver", "manager"}),
    "lending.view_ledger": frozenset({"manager", "auditor"}),
    "lending.close_period": frozenset({"manager"}),
    # the book
    "lending.view_portfolio": frozenset({"officer", "approver", "collector", "manager", "analyst", "auditor"}),
    "lending.view_collections": frozenset({"collector", "officer", "approver", "manager", "auditor"}),
    "lending.log_contact": frozenset({"collector", "officer"}),
    "lending.view_fairness": frozenset({"auditor", "manager", "analyst", "validator"}),
    "lending.reply_to_disparity": frozenset({"manager"}),
    # platform
    "portal.view_admin": frozenset({"operator"}),
    "portal.view_oversight": frozenset({"regulator"}),
}


def roles_allowed(permission: str) -> frozenset[str]:
    """Roles that carry `permission`; raises KeyError for a name that is not in the table."""
    return PERMISSIONS[permission]
