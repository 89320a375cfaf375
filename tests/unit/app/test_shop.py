"""The Shop's facades share one unit of work and are found by their classes."""

from functools import cached_property

import pytest

from commerce.app import transactions
from commerce.app.shop import Shop
from commerce.runtime.db.unit_of_work import UnitOfWork
from tests.support.fake_database import FakeDatabase

FACADES = sorted(name for name, each in vars(Shop).items() if isinstance(each, cached_property))


@pytest.mark.parametrize("name", FACADES)
def test_a_facade_is_built_once_and_found_by_its_class(name: str) -> None:
    shop = Shop(UnitOfWork(FakeDatabase()))
    facade = getattr(shop, name)
    assert getattr(shop, name) is facade
    assert transactions._FACADES[type(facade).__name__] == name
