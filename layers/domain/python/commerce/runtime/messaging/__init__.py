"""Events on their way: relay, bus, quarantine, dead letters, best-effort events."""
