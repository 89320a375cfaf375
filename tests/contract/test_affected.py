"""`make test-fast` finds the tests that a change touches, and begins with the closest."""

import pytest

from infra.template import ROOT
from tests.harness.fast.affected import affected_tests, closeness

DOMAIN = "layers/domain/python/commerce"


@pytest.mark.parametrize(
    ("changed", "test"),
    [
        (f"{DOMAIN}/order/model.py", "tests/unit/order/test_model.py"),
        (f"{DOMAIN}/point/statements.py", "tests/integration/point/test_points.py"),
        ("functions/order/place_order.py", "tests/integration/order/test_orders.py"),
        ("functions/like/like_product.py", "tests/integration/like/test_likes.py"),
        ("infra/local/delivery.py", "tests/integration/local/test_delivery.py"),
        ("infra/migrations/versions/0010_orders_on_their_way.py", "tests/contract/test_schema.py"),
        ("template.yaml", "tests/contract/test_template.py"),
        ("docs/architecture.md", "tests/contract/test_documents.py"),
        ("events/http/place_order.json", "tests/contract/test_template.py"),
        ("tests/support/memory/order.py", "tests/unit/app/test_placing_orders.py"),
        ("tests/races/test_stripes.py", "tests/races/test_stripes.py"),
    ],
)  # fmt: skip
def test_a_changed_file_leads_first_to_the_tests_of_it(changed: str, test: str) -> None:
    assert (ROOT / changed).exists()
    assert test in affected_tests([changed])[:25]


def test_a_change_that_no_test_reads_touches_no_test() -> None:
    assert affected_tests(["nothing" + ".of.ours"]) == []


def test_closeness_is_the_share_of_imports_that_lead_to_the_change() -> None:
    graph = {
        "model": set[str](),
        "other": set[str](),
        "facade": {"model", "other"},
        "test_model": {"model"},
        "test_facade": {"facade"},
        "test_other": {"other"},
    }
    shares = closeness(graph, ["model"])
    assert shares["test_model"] == 1.0
    assert shares["facade"] == shares["test_facade"] == 0.5
    assert shares["test_other"] == 0.0
