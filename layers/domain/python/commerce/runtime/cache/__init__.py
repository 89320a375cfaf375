"""Valkey, and the read-through cache on it."""
