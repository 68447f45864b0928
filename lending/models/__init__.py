from lending.models.applicants import Applicant, EnterpriseProfile, FarmProfile, HouseholdProfile
from lending.models.applications import Application, Document
from lending.models.assessments import Assessment, Decision, Offer, ReviewRequest
from lending.models.book import CloseRun, DailyLoanState, PortfolioDay
from lending.models.collections import ContactNote, PromiseToPay
from lending.models.ledger import LedgerEntry, LedgerPeriod
from lending.models.loans import (
    Allocation,
    Contract,
    Disbursement,
    Installment,
    Loan,
    Repayment,
    Restructure,
)
from lending.models.notifications import Notification
from lending.models.parameters import Holiday, Parameter
from lending.models.portfolio import PortfolioFlow, RollMonth, VintageMonth
from lending.models.products import LendingPolicy, Product, ProductVersion

__all__ = [
    "Allocation",
    "Applicant",
    "Application",
    "Assessment",
    "CloseRun",
    "ContactNote",
    "Contract",
    "DailyLoanState",
    "Decision",
    "Disbursement",
    "Document",
    "EnterpriseProfile",
    "FarmProfile",
    "Holiday",
    "HouseholdProfile",
    "Installment",
    "LedgerEntry",
    "LedgerPeriod",
    "LendingPolicy",
    "Loan",
    "Notification",
    "Offer",
    "Parameter",
    "PortfolioDay",
    "PortfolioFlow",
    "Product",
    "ProductVersion",
    "PromiseToPay",
    "Repayment",
    "Restructure",
    "ReviewRequest",
    "RollMonth",
    "VintageMonth",
]
