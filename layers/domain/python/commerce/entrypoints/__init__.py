"""The edge: what all functions of one trigger share."""
