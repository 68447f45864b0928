"""Loans: the borrower's pages, and the desk's list, money and changes."""

from django.urls import path

from lending.views import early, loans
from lending.views.desk import bank_files, cash, changes
from lending.views.desk import loans as desk

urlpatterns = [
    path("my/loans/<uuid:loan_id>/", loans.show, name="my_loan"),
    path("my/loans/<uuid:loan_id>/early/", early.mine, name="my_loan_early"),
    path("my/loans/<uuid:loan_id>/early/ask/", early.ask_mine, name="my_early_ask"),
    path("my/loans/<uuid:loan_id>/early/withdraw/", early.withdraw_mine, name="my_early_withdraw"),
    path("my/loans/<uuid:loan_id>/payoff/", loans.payoff, name="my_loan_payoff"),
    path("my/loans/<uuid:loan_id>/certificate/", loans.certificate, name="my_certificate"),
    path("my/changes/<uuid:restructure_id>/contract/", loans.refinancing_contract, name="my_change_contract"),
    path("my/receipts/<uuid:repayment_id>/", loans.receipt, name="my_receipt"),
    path("desk/loans/", desk.loans, name="desk_loans"),
    path("desk/loans/<uuid:loan_id>/", desk.show, name="desk_loan"),
    path("desk/loans/<uuid:loan_id>/disbursement/", desk.ask_disbursement, name="desk_disbursement_new"),
    path("desk/loans/<uuid:loan_id>/cancel/", desk.give_up, name="desk_loan_cancel"),
    path("desk/loans/<uuid:loan_id>/payment/", cash.payment, name="desk_payment"),
    path("desk/loans/<uuid:loan_id>/early/", early.desk, name="desk_early"),
    path("desk/loans/<uuid:loan_id>/early/ask/", early.ask_desk, name="desk_early_ask"),
    path("desk/loans/<uuid:loan_id>/early/withdraw/", early.withdraw_desk, name="desk_early_withdraw"),
    path("desk/loans/<uuid:loan_id>/refund/", cash.refund, name="desk_refund"),
    path("desk/loans/<uuid:loan_id>/parts/", desk.give_parts_up, name="desk_loan_parts"),
    path("desk/prepayments/", early.listing, name="desk_prepayments"),
    path("desk/loans/<uuid:loan_id>/payoff/", desk.payoff, name="desk_loan_payoff"),
    path("desk/loans/<uuid:loan_id>/certificate/", desk.certificate, name="desk_certificate"),
    path("desk/loans/<uuid:loan_id>/changes/<str:change>/", changes.propose, name="desk_change_new"),
    path("desk/contracts/<uuid:contract_id>/loan/", desk.book, name="desk_loan_book"),
    path("desk/disbursements/<uuid:disbursement_id>/", desk.hand_over, name="desk_disbursement"),
    path("desk/disbursements/<uuid:disbursement_id>/cancel/", desk.drop_disbursement, name="desk_disbursement_cancel"),
    path("desk/changes/<uuid:restructure_id>/", changes.show, name="desk_change"),
    path("desk/changes/<uuid:restructure_id>/approve/", changes.approve, name="desk_change_approve"),
    path("desk/changes/<uuid:restructure_id>/reject/", changes.reject, name="desk_change_reject"),
    path("desk/changes/<uuid:restructure_id>/contract/", changes.contract, name="desk_change_contract"),
    path("desk/cash/", cash.cash_desk, name="desk_cash"),
    path("desk/bank-file/", bank_files.bank_files, name="desk_bank_files"),
    path("desk/receipts/<uuid:repayment_id>/", cash.receipt, name="desk_receipt"),
    path("desk/receipts/<uuid:repayment_id>/reverse/", cash.reverse_payment, name="desk_reversal"),
]
