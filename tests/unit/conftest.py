"""Hypothesis judges results, not the speed of the machine."""

from hypothesis import HealthCheck, settings

settings.register_profile("lastunit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lastunit")
