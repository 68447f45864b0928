"""Indexes that wider ones cover and checks that composite keys imply cost every row that is written."""

from django.db import migrations

from accounts.tenancy.operations import DropInstitutionKey, LeaveOutImplied


class Migration(migrations.Migration):
    dependencies = [("lending", "0051_down_payment")]

    operations = [
        LeaveOutImplied("Applicant", "institution"),
        LeaveOutImplied("HouseholdProfile", "institution", "applicant", constraint=True),
        LeaveOutImplied("EnterpriseProfile", "institution", "applicant", constraint=True),
        LeaveOutImplied("FarmProfile", "institution", "applicant", constraint=True),
        LeaveOutImplied("Product", "institution"),
        LeaveOutImplied("ProductVersion", "institution", "product", constraint=True),
        LeaveOutImplied("LendingPolicy", "institution"),
        LeaveOutImplied("Application", "institution", "applicant"),
        LeaveOutImplied("Document", "institution", "application", constraint=True),
        LeaveOutImplied("OfferFeedback", "institution", "application", constraint=True),
        LeaveOutImplied("Assessment", "institution", "application", constraint=True),
        LeaveOutImplied("Offer", "institution", "assessment", constraint=True),
        LeaveOutImplied("Decision", "institution", "application", constraint=True),
        LeaveOutImplied("ReviewRequest", constraint=True),
        LeaveOutImplied("CloseRun", "institution"),
        LeaveOutImplied("CloseChunk", "institution"),
        LeaveOutImplied("Contract", "institution", constraint=True),
        LeaveOutImplied("Loan", "institution", "applicant", constraint=True),
        LeaveOutImplied("Installment", "institution", constraint=True),
        LeaveOutImplied("Disbursement", constraint=True),
        LeaveOutImplied("Repayment", "institution", "loan", constraint=True),
        LeaveOutImplied("Allocation", "institution", "repayment", constraint=True),
        LeaveOutImplied("Restructure", "institution", "loan", constraint=True),
        LeaveOutImplied("BankFile", "institution"),
        LeaveOutImplied("ContactNote", "institution", "loan", constraint=True),
        LeaveOutImplied("PromiseToPay", constraint=True),
        LeaveOutImplied("FairnessAnswer", "institution", "application", constraint=True),
        LeaveOutImplied("DisparityMonth", "institution"),
        LeaveOutImplied("DisparityReply", "institution"),
        LeaveOutImplied("Group", "institution"),
        LeaveOutImplied("GroupMember", constraint=True),
        LeaveOutImplied("GroupLoan", "institution", "loan", constraint=True),
        LeaveOutImplied("Guarantee", constraint=True),
        LeaveOutImplied("LedgerEntry", "institution", "loan"),
        LeaveOutImplied("LedgerPeriod", "institution"),
        LeaveOutImplied("MarketEcho", "institution", constraint=True),
        LeaveOutImplied("MarketRetention", "institution"),
        LeaveOutImplied("Notification", "institution"),
        LeaveOutImplied("PortfolioFlow", "institution"),
        LeaveOutImplied("VintageMonth", "institution"),
        LeaveOutImplied("RollMonth", "institution"),
        LeaveOutImplied("PrepaymentRequest", "institution", "repayment", constraint=True),
        LeaveOutImplied("ExternalClass", "institution", "applicant", constraint=True),
        LeaveOutImplied("SigningCode", "institution", "contract", constraint=True),
        LeaveOutImplied("AccountStatement", "institution", "application", constraint=True),
        DropInstitutionKey("lending_installment"),
        DropInstitutionKey("lending_allocation"),
        DropInstitutionKey("lending_ledgerentry"),
    ]
