"""Fair lending over many decisions: the report from summaries, the summaries from frozen rows, and the comparison.

`manage.py benchmark disparity [--size 1000000]` calls `run` in a database of its own; the size is the decisions, of
one institution over two years.
"""

import os
import time
from datetime import timedelta
from typing import Any

from django.db import connections
from django.http import QueryDict

from accounts.clock import today
from accounts.models import Institution
from accounts.tenancy.scope import institution_scope
from benchmarks.scratch import scratch_database
from lending.services import disparity
from portal.local.postgres import PostgresServer
from portal.oversight import fairness
from portal.oversight.chain import Window

DATABASE = "ayni_benchmark"
# `worse`, from 1 on, is how much harder it is for those who learnt Quechua first.
# Foreign keys and triggers are left out while the rows are made: they cost minutes and measure nothing here.
ROWS = """
SET session_replication_role = replica;
CREATE TEMP TABLE made AS SELECT n, gen_random_uuid() AS a, gen_random_uuid() AS e, gen_random_uuid() AS s,
  gen_random_uuid() AS d, gen_random_uuid() AS o, now() - (n %% 730) * interval '1 day' - interval '1 hour' AS at,
  CASE WHEN n / 3 %% 4 = 1 THEN least(random() * {worse}, 1) ELSE random() END AS luck,
  (ARRAY['08','15','21','06'])[1 + n %% 4] AS region, 18 + (n * 7) %% 60 AS age
  FROM generate_series(1, {size}) n;
INSERT INTO scoring_scoringmodel (id, segment, name, algorithm, dataset_id, status, file, sha256, feature_set,
  parameters, metrics, evaluation, traffic, reference, motives)
  SELECT ('00000000-0000-7000-8000-00000000000' || m)::uuid, 'household', 'B-' || m, 'additive', gen_random_uuid(),
  'retired', 'x', repeat('0', 64), '{{}}', '{{}}', '{{}}', '{{}}', 0, '{{}}', '{{}}' FROM generate_series(1, 3) m;
INSERT INTO lending_product (id, institution_id, code, name, segment)
  SELECT ('00000000-0000-7000-8000-0000000000a' || m)::uuid, {i}, 'p' || m, 'Producto ' || m, 'household'
  FROM generate_series(1, 3) m;
INSERT INTO lending_productversion (id, institution_id, product_id, number, status, summary, currency, amount_min,
  amount_max, term_min, term_max, tea_min, tea_max, amortization, insurance_monthly_rate, insurance_base, fee_upfront,
  disbursement_days, regions, sectors, crops, score_min, age_min, age_max, activity_months_min, creditors_max)
  SELECT p.id, {i}, p.id, 1, 'published', 'x', 'PEN', 1, 2, 1, 2, 0.2, 0.6, 'equal_installments', 0, 'opening_balance',
  0, 1, '{{}}', '{{}}', '{{}}', 300, 18, 75, 0, 4 FROM lending_product p
  WHERE p.institution_id = {i} AND p.code IN ('p1', 'p2', 'p3');
INSERT INTO lending_application (id, institution_id, number, segment, status, channel, purpose, draft, facts,
  facts_sha256, verified_facts, saved_at, submitted_at, age_years)
  SELECT a, {i}, n, 'household', CASE WHEN luck < 0.7 THEN 'approved' ELSE 'declined' END, 'web', '', '\\x',
  jsonb_build_object('region', region), '', '{{}}', at, at - interval '1 minute', age FROM made;
INSERT INTO scoring_score (id, institution_id, application_id, attempt, segment, model_id, model_sha256, pd, score,
  base_points, reasons, inputs, signals)
  SELECT s, {i}, a, 1, 'household', ('00000000-0000-7000-8000-00000000000' || 1 + n %% 3)::uuid, '', luck * 0.2,
  600, 500, '[]', '{{}}', '{{}}' FROM made;
INSERT INTO lending_assessment (id, institution_id, application_id, attempt, score_id, policy_id, recommendation,
  reason_codes, reasons, affordability, in_trial, matches)
  SELECT e, {i}, a, 1, s, 1, 'approve', '{{}}', '[]', '{{}}', false, '[]' FROM made;
INSERT INTO lending_decision (id, institution_id, application_id, assessment_id, stage, outcome, changed_terms,
  reason_codes, rationale, created_at)
  SELECT d, {i}, a, e, 'policy', CASE WHEN luck < 0.7 THEN 'approve' WHEN luck < 0.75 THEN 'refer' ELSE 'decline' END,
  false, '{{}}', '', at FROM made;
INSERT INTO lending_offer (id, institution_id, application_id, assessment_id, product_version_id, rank, status, amount,
  net_disbursed, term_months, installments, installment, total, total_interest, total_insurance, tea, tcea,
  first_due_on, disbursement_on, reasons, valid_until)
  SELECT o, {i}, a, e, ('00000000-0000-7000-8000-0000000000a' || 1 + n %% 3)::uuid, 1, 'open', 1, 1, 12, 12, 1, 1, 1,
  1, 0.3 + luck / 5, 0.35 + luck / 5, at::date, at::date, '[]', at::date FROM made WHERE luck < 0.7;
INSERT INTO lending_fairnessanswer (id, institution_id, application_id, sex, area, language, ethnicity, answered_at)
  SELECT gen_random_uuid(), {i}, a, (ARRAY['female','male','female','male','other'])[1 + n %% 5],
  (ARRAY['urban','rural'])[1 + n %% 2], (ARRAY['spanish','quechua','spanish','aymara'])[1 + (n / 3) %% 4], '', at
  FROM made WHERE n %% 3 > 0;
INSERT INTO scoring_outcome (institution_id, application_id, segment, days_late, started_on, first_late_on,
  observed_until, "group", recorded_at)
  SELECT {i}, a, 'household', 90, at::date, CASE WHEN n %% 11 = 0 THEN at::date + 100 END, current_date, '', now()
  FROM made WHERE luck < 0.7 AND at < now() - interval '101 days';
ANALYZE;
"""


def run(size: int = 1_000_000) -> dict[str, Any]:
    """Seconds of each step beside the limit."""
    with scratch_database(DATABASE) as server:
        institution = Institution.objects.create(slug="b", name="B", legal_name="B", kind="caja")
        made, _none = timed(lambda: fill(server, size, institution.pk))
        load = round(os.getloadavg()[0], 2)
        summed, rows = timed(disparity.summarise)
        cold, first = timed(lambda: page_of(institution))
        warm = min(timed(lambda: page_of(institution))[0] for _turn in range(3))
        checked, (cases, differing) = timed(disparity.check)
        assert (cases, differing) == (size, []), differing[:3]
        assert first["whole"].cases > 0
        return {
            "decisions": size,
            "rows_made_seconds": round(made, 1),
            "load": load,
            "summary_rows": rows,
            "summarise_seconds": round(summed, 1),
            "report_seconds_first": round(cold, 3),
            "report_seconds": round(warm, 3),
            "limit_report_seconds": 5,
            "recompute_and_compare_seconds": round(checked, 1),
            "differences": len(differing),
        }


def fill(server: PostgresServer, size: int, institution_id: int) -> None:
    connections.close_all()
    server.query(ROWS.format(size=size, i=institution_id, worse=1).replace("%%", "%"), DATABASE)


def page_of(institution: Institution) -> dict[str, Any]:
    """All that the page works out, over both years, with a trend by language."""
    asked = QueryDict(f"since={today() - timedelta(days=730):%Y-%m}&until={today():%Y-%m}&by=language")
    with institution_scope(institution.pk):
        return fairness.context(fairness.told(Window(institution), asked))


def timed(act: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    found = act()
    return time.perf_counter() - began, found
