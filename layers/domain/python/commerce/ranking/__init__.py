"""Ranking: which products are viewed, liked and ordered most."""
