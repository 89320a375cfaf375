"""Lastunit's domain: contexts that meet at their facades now, and by events soon."""
