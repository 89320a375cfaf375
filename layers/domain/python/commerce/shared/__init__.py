"""What every context stands on: money, time, errors, events, the unit of work."""
