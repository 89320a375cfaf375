"""Trends: what was wrong in the last day, sampled every five minutes, and when code changed."""

from commerce.app.trends.sampler import Sampled, take_sample
from commerce.app.trends.views import TrendsView, trends

__all__ = ["Sampled", "TrendsView", "take_sample", "trends"]
