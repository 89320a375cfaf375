"""The shared kernel: money, time, errors, events, cursors, schemas. It imports nothing else."""
