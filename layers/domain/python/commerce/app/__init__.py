"""Use cases that join contexts, and the transactions that all use cases run in."""
