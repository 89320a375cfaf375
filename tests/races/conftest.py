"""What the races share."""

from tests.support.own_shop import own_shop

__all__ = ["own_shop"]
