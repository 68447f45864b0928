"""Published terms are for all to read; national requests and their offers belong to the person alone."""

from django.db import migrations

from accounts.tenancy.operations import AddInstitutionKey, IsolateTable, OwnByPerson, PublishTable


class Migration(migrations.Migration):
    dependencies = [("lending", "0019_market")]

    operations = [
        PublishTable("lending_catalogueoffer"),
        PublishTable("lending_opportunity"),
        OwnByPerson("lending_marketrequest"),
        OwnByPerson("lending_marketconsent", "request_id", "lending_marketrequest"),
        OwnByPerson("lending_marketoffer", "request_id", "lending_marketrequest"),
        IsolateTable("MatchingTrial"),
        IsolateTable("OfferFeedback"),
        AddInstitutionKey("lending_assessment", "trial_id", "lending_matchingtrial"),
    ]
