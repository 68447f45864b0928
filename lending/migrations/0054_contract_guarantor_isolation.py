from django.db import migrations

from accounts.tenancy.operations import AddInstitutionKey, IsolateTable


class Migration(migrations.Migration):
    dependencies = [("lending", "0053_contract_guarantors")]

    operations = [
        IsolateTable("ContractGuarantor"),
        AddInstitutionKey("lending_signingcode", "guarantor_id", "lending_contractguarantor"),
    ]
