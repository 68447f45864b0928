from lending.models.applicants import Applicant, EnterpriseProfile, FarmProfile, HouseholdProfile
from lending.models.applications import Application, Document
from lending.models.assessments import Assessment, Decision, Offer, ReviewRequest
from lending.models.notifications import Notification
from lending.models.parameters import Holiday, Parameter
from lending.models.products import LendingPolicy, Product, ProductVersion

__all__ = [
    "Applicant",
    "Application",
    "Assessment",
    "Decision",
    "Document",
    "EnterpriseProfile",
    "FarmProfile",
    "Holiday",
    "HouseholdProfile",
    "LendingPolicy",
    "Notification",
    "Offer",
    "Parameter",
    "Product",
    "ProductVersion",
    "ReviewRequest",
]
