"""Clients of Valkey, and the read-through cache."""
