"""A refinancing and its contract are of one institution."""

from django.db import migrations

from accounts.tenancy.operations import AddInstitutionKey


class Migration(migrations.Migration):
    dependencies = [("lending", "0044_refinancing_contracts")]

    operations = [AddInstitutionKey("lending_contract", "restructure_id", "lending_restructure")]
