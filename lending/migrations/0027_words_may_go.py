"""Free words of frozen rows may be emptied by a purge, and nothing else of them changed."""

from django.db import migrations

WORDS_MAY_GO = """
CREATE FUNCTION only_words_may_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND to_jsonb(NEW) ->> TG_ARGV[0] = ''
     AND to_jsonb(NEW) - TG_ARGV[0] = to_jsonb(OLD) - TG_ARGV[0] THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'rows of % are evidence: they are added, never changed or removed', TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;
DROP TRIGGER evidence_is_kept ON lending_decision;
CREATE TRIGGER evidence_is_kept BEFORE UPDATE OR DELETE ON lending_decision
  FOR EACH ROW EXECUTE FUNCTION only_words_may_go('rationale');
ALTER TABLE lending_decision ENABLE ALWAYS TRIGGER evidence_is_kept;
GRANT UPDATE (rationale) ON lending_decision TO lend_app;
CREATE TRIGGER evidence_is_kept BEFORE UPDATE OR DELETE ON lending_contactnote
  FOR EACH ROW EXECUTE FUNCTION only_words_may_go('note');
ALTER TABLE lending_contactnote ENABLE ALWAYS TRIGGER evidence_is_kept;
GRANT UPDATE (note) ON lending_contactnote TO lend_app;
"""
BACK = """
DROP TRIGGER evidence_is_kept ON lending_contactnote;
REVOKE UPDATE (note) ON lending_contactnote FROM lend_app;
REVOKE UPDATE (rationale) ON lending_decision FROM lend_app;
DROP TRIGGER evidence_is_kept ON lending_decision;
CREATE TRIGGER evidence_is_kept BEFORE UPDATE OR DELETE ON lending_decision
  FOR EACH ROW EXECUTE FUNCTION evidence_is_kept();
ALTER TABLE lending_decision ENABLE ALWAYS TRIGGER evidence_is_kept;
DROP FUNCTION only_words_may_go();
"""


class Migration(migrations.Migration):
    dependencies = [("lending", "0026_refinancing")]

    operations = [migrations.RunSQL(WORDS_MAY_GO, BACK)]
