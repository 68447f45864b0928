"""What verification asks of the database: one statement a question, so each sees one moment.

A null `institution` asks for all of them.
"""

COUNT = """
SELECT count(*) FROM accounts_auditentry e
WHERE (%(institution)s::bigint IS NULL OR e.institution_id = %(institution)s)
"""
# Each of the next four gives (institution, seq, entry, reason) of the first case, or nothing.
CHANGED = """
SELECT s.institution_id, s.seq, s.entry_id::text,
       CASE WHEN e.id IS NULL THEN 'entry_missing' ELSE 'content_changed' END
FROM accounts_auditseal s
LEFT JOIN accounts_auditentry e ON e.id = s.entry_id AND e.institution_id = s.institution_id
WHERE (%(institution)s::bigint IS NULL OR s.institution_id = %(institution)s)
  AND (e.id IS NULL OR sha256(s.prev_hash || convert_to(s.seq || ':' || e.body, 'UTF8')) <> s.hash)
ORDER BY s.institution_id, s.seq LIMIT 1
"""
UNLINKED = """
SELECT institution_id, CASE WHEN seq > before + 1 THEN before + 1 ELSE seq END,
       CASE WHEN seq = before + 1 THEN entry_id::text END,
       CASE WHEN seq = before + 1 THEN 'link_broken' WHEN seq > before + 1 THEN 'seal_missing' ELSE 'out_of_order' END
FROM (SELECT s.institution_id, s.seq, s.entry_id, s.prev_hash,
             lag(s.seq, 1, 0::bigint) OVER chain AS before,
             lag(s.hash, 1, decode(repeat('00', 32), 'hex')) OVER chain AS before_hash
      FROM accounts_auditseal s WHERE (%(institution)s::bigint IS NULL OR s.institution_id = %(institution)s)
      WINDOW chain AS (PARTITION BY s.institution_id ORDER BY s.seq)) links
WHERE seq <> before + 1 OR prev_hash <> before_hash
ORDER BY institution_id, seq LIMIT 1
"""
# The trigger queues each entry in the statement that adds it, so an entry is sealed or pending, never neither.
UNQUEUED = """
SELECT e.institution_id, NULL::bigint, e.id::text, 'not_sealed'
FROM accounts_auditentry e
WHERE (%(institution)s::bigint IS NULL OR e.institution_id = %(institution)s)
  AND NOT EXISTS (SELECT FROM accounts_auditseal s WHERE s.institution_id = e.institution_id AND s.entry_id = e.id)
  AND NOT EXISTS (SELECT FROM accounts_auditpending p WHERE p.entry_id = e.id)
ORDER BY e.institution_id, e.at_us LIMIT 1
"""
LOST = """
SELECT p.institution_id, NULL::bigint, p.entry_id::text, 'entry_missing'
FROM accounts_auditpending p
WHERE (%(institution)s::bigint IS NULL OR p.institution_id = %(institution)s)
  AND NOT EXISTS (SELECT FROM accounts_auditentry e WHERE e.id = p.entry_id)
ORDER BY p.institution_id, p.queued_at LIMIT 1
"""
BODIES = """
SELECT e.id::text, e.institution_id, e.body FROM accounts_auditentry e
WHERE (%(institution)s::bigint IS NULL OR e.institution_id = %(institution)s)
"""
WHERE_SEALED = """
SELECT e.institution_id, s.seq, e.id::text FROM accounts_auditentry e
LEFT JOIN accounts_auditseal s ON s.institution_id = e.institution_id AND s.entry_id = e.id
WHERE e.id = ANY (%(ids)s::uuid[]) ORDER BY e.institution_id, s.seq LIMIT 1
"""
HELD = """
SELECT w.institution_id, w.seq, w.number, s.entry_id::text, s.hash IS NULL,
       (SELECT coalesce(max(t.seq), 0) FROM accounts_auditseal t WHERE t.institution_id = w.institution_id)
FROM unnest(%(institutions)s::bigint[], %(seqs)s::bigint[], %(hashes)s::text[], %(numbers)s::bigint[])
  AS w (institution_id, seq, hash, number)
LEFT JOIN accounts_auditseal s ON s.institution_id = w.institution_id AND s.seq = w.seq
WHERE s.hash IS DISTINCT FROM decode(w.hash, 'hex')
ORDER BY w.number, w.institution_id LIMIT 1
"""
# What keeps entries as they are while nobody is looking: it must still be in force.
GUARDS = """
SELECT 'trigger ' || w.name || ' on ' || w.of FROM (VALUES
    ('accounts_auditentry', 'audit_queue'), ('accounts_auditentry', 'evidence_is_kept'),
    ('accounts_auditentry', 'evidence_is_not_emptied'), ('accounts_auditseal', 'evidence_is_kept'),
    ('accounts_auditseal', 'evidence_is_not_emptied'), ('accounts_auditcheckpoint', 'evidence_is_kept'),
    ('accounts_auditcheckpoint', 'evidence_is_not_emptied')) AS w (of, name)
WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = w.of::regclass AND t.tgname = w.name
                    AND t.tgenabled = 'A')
UNION ALL
SELECT 'generated column ' || w.name FROM (VALUES
    ('at_us'), ('event'), ('actor_user_id'), ('subject_type'), ('subject_id')) AS w (name)
WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = 'accounts_auditentry'::regclass
                    AND a.attname = w.name AND a.attgenerated = 's')
UNION ALL
SELECT 'check audit_entry_body_names_row' WHERE NOT EXISTS (
    SELECT FROM pg_constraint c WHERE c.conname = 'audit_entry_body_names_row' AND c.convalidated)
"""
