"""`ENGINE = "accounts.tenancy.backend"`: PostgreSQL with the scope written at the start of each transaction."""
