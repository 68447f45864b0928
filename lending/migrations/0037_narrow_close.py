"""What a close found of a loan stays in its daily states; the loan itself is no longer written every night."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import accounts.models.base

_SMALL = django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), default=list, size=None)
_KEYS = django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)


class Migration(migrations.Migration):
    dependencies = [("lending", "0036_market_without_rating")]

    operations = [
        migrations.RemoveField("loan", "closed_through"),
        migrations.RemoveField("loan", "days_late"),
        migrations.RemoveField("loan", "provision"),
        migrations.RemoveField("loan", "sbs_class"),
        migrations.RemoveField("closechunk", "changed"),
        migrations.RenameField("closechunk", "after", "since"),
        migrations.RenameField("closechunk", "through", "until"),
        migrations.AddField("closechunk", "classed", _KEYS),
        migrations.AddField("closechunk", "own", _SMALL),
        migrations.AddField("closechunk", "debtor", _SMALL),
        migrations.AlterField(
            "installment",
            "loan",
            accounts.models.base.InstitutionForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="installment_set",
                to="lending.loan",
            ),
        ),
        migrations.AddIndex(
            "installment",
            models.Index(
                condition=models.Q(("settled_on__isnull", True)),
                fields=["institution", "loan", "due_on"],
                name="installment_open",
            ),
        ),
        migrations.AddIndex(
            "loan",
            models.Index(condition=models.Q(("advance__gt", 0)), fields=["institution"], name="loan_advance"),
        ),
    ]
