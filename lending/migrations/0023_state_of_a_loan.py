"""Let queries walk from a daily state to its loan; the column stays as it is, without a constraint."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("lending", "0022_loan_standing")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveField(model_name="dailyloanstate", name="loan_id"),
                migrations.AddField(
                    model_name="dailyloanstate",
                    name="loan",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="lending.loan",
                    ),
                    preserve_default=False,
                ),
            ]
        )
    ]
