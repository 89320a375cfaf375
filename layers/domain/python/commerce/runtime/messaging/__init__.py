"""Delivery of events: relay, bus, quarantine, dead letters, best-effort events."""
