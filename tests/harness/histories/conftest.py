"""What histories share with other suites."""

from tests.support.own_shop import own_shop

__all__ = ["own_shop"]
