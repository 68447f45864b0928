"""Terms that are on offer already are copied into the catalogue."""

from django.db import migrations

TABLES = ("lending_productversion", "lending_product", "lending_lendingpolicy", "lending_catalogueoffer")
# An owner under FORCE would copy nothing.
FILL = """
INSERT INTO lending_catalogueoffer (id, lender_id, product_code, name, segment,
  summary, currency, amount_min, amount_max, term_min, term_max, tea_min, tea_max, amortization,
  insurance_monthly_rate, insurance_base, fee_upfront, disbursement_days, regions, sectors, crops,
  score_min, age_min, age_max, activity_months_min, creditors_max,
  installment_to_surplus, installment_to_stressed, installments_to_income, income_stress, offer_days, published_on)
SELECT v.id, v.institution_id, p.code, p.name, p.segment,
  v.summary, v.currency, v.amount_min, v.amount_max, v.term_min, v.term_max, v.tea_min, v.tea_max,
  v.amortization, v.insurance_monthly_rate, v.insurance_base, v.fee_upfront, v.disbursement_days,
  v.regions, v.sectors, v.crops, v.score_min, v.age_min, v.age_max, v.activity_months_min,
  v.creditors_max,
  coalesce(l.installment_to_surplus, 0.5), coalesce(l.installment_to_stressed, 0.7),
  coalesce(l.installments_to_income, 0.4), coalesce(l.income_stress, 0.15), coalesce(l.offer_days, 15), v.published_on
FROM lending_productversion v
JOIN lending_product p ON p.institution_id = v.institution_id AND p.id = v.product_id
LEFT JOIN LATERAL (SELECT * FROM lending_lendingpolicy l WHERE l.institution_id = v.institution_id
  ORDER BY l.number DESC LIMIT 1) l ON true
WHERE v.status = 'published'
ON CONFLICT (id) DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("lending", "0020_market_isolation")]

    operations = [
        migrations.RunSQL(
            [
                *(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY" for table in TABLES),
                FILL,
                *(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY" for table in TABLES),
            ],
            migrations.RunSQL.noop,
        )
    ]
