"""Isolation: one shared schema, PostgreSQL row-level security as the boundary, a scope set once per transaction."""
