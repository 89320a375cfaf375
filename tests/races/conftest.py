"""What these tests share with the integration tests."""

from tests.support.own_shop import own_shop

__all__ = ["own_shop"]
