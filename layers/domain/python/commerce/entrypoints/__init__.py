"""Entrypoints: the handlers that all functions of one trigger share."""
