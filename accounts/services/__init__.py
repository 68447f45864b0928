"""Writes about people and institutions: one function per act, one transaction each, audited."""

from accounts.services.memberships import join_as_applicant

__all__ = ["join_as_applicant"]
