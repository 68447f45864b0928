"""PostgreSQL and Redis for a machine that has neither, and the processes of `manage.py demo`."""
