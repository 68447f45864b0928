from lending.models.applicants import Applicant, EnterpriseProfile, FarmProfile, HouseholdProfile
from lending.models.applications import Application, Document
from lending.models.assessments import Assessment, Decision, Offer, ReviewRequest
from lending.models.book import CloseChunk, CloseRun, DebtorSpan, LatestSpan, LoanChange, LoanSpan, PortfolioDay
from lending.models.collections import ContactNote, PromiseToPay
from lending.models.fairness import DisparityMonth, DisparityReply, FairnessAnswer
from lending.models.groups import Group, GroupLoan, GroupMember, Guarantee
from lending.models.guarantors import ContractGuarantor
from lending.models.imports import PortfolioImport
from lending.models.ledger import LedgerEntry, LedgerPeriod
from lending.models.loans import (
    Allocation,
    BankFile,
    Contract,
    Disbursement,
    Installment,
    Loan,
    Repayment,
    Restructure,
)
from lending.models.market import (
    CatalogueOffer,
    MarketConsent,
    MarketEcho,
    MarketOffer,
    MarketRequest,
    MarketRetention,
    Opportunity,
)
from lending.models.matching import MatchingTrial, OfferFeedback
from lending.models.notifications import Notification
from lending.models.parameters import Holiday, Parameter
from lending.models.portfolio import PortfolioFlow, RollMonth, VintageMonth
from lending.models.prepayments import PrepaymentRequest
from lending.models.products import LendingPolicy, Product, ProductVersion
from lending.models.risk import ClassRule, ExternalClass, ProvisionRate
from lending.models.signing import SigningCode, SigningLink
from lending.models.statements import AccountStatement

__all__ = [
    "AccountStatement",
    "Allocation",
    "Applicant",
    "Application",
    "Assessment",
    "BankFile",
    "CatalogueOffer",
    "ClassRule",
    "CloseChunk",
    "CloseRun",
    "ContactNote",
    "Contract",
    "ContractGuarantor",
    "DebtorSpan",
    "Decision",
    "Disbursement",
    "DisparityMonth",
    "DisparityReply",
    "Document",
    "EnterpriseProfile",
    "ExternalClass",
    "FairnessAnswer",
    "FarmProfile",
    "Group",
    "GroupLoan",
    "GroupMember",
    "Guarantee",
    "Holiday",
    "HouseholdProfile",
    "Installment",
    "LatestSpan",
    "LedgerEntry",
    "LedgerPeriod",
    "LendingPolicy",
    "Loan",
    "LoanChange",
    "LoanSpan",
    "MarketConsent",
    "MarketEcho",
    "MarketOffer",
    "MarketRequest",
    "MarketRetention",
    "MatchingTrial",
    "Notification",
    "Offer",
    "OfferFeedback",
    "Opportunity",
    "Parameter",
    "PortfolioDay",
    "PortfolioFlow",
    "PortfolioImport",
    "PrepaymentRequest",
    "Product",
    "ProductVersion",
    "PromiseToPay",
    "ProvisionRate",
    "Repayment",
    "Restructure",
    "ReviewRequest",
    "RollMonth",
    "SigningCode",
    "SigningLink",
    "VintageMonth",
]
