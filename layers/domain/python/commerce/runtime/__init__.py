"""Infrastructure that contexts run on: database, messaging, cache, idempotency, settings, AWS."""
