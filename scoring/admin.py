"""What operators may look at of this floor: the models that all institutions share."""

from django.contrib import admin

from accounts.admin import ReadOnly, operators
from scoring.models import ScoringModel


@admin.register(ScoringModel, site=operators)
class ScoringModelAdmin(ReadOnly):
    list_display = ("name", "segment", "status", "algorithm", "trained_at", "promoted_at")
    list_filter = ("segment", "status")
    ordering = ("-trained_at",)
