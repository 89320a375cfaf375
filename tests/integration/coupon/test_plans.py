"""The list of coupons that anybody may read costs what can be issued, not what ever was."""

import re
from uuid import UUID

import pytest

from commerce.coupon.statements import OPEN
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from tests.support.lambda_calls import call

_ENDED = """
INSERT INTO coupon (id, name, kind, value, min_order_amount, currency, total_quantity,
    valid_from, valid_until, created_at)
SELECT CAST(md5(n || 'coupon') AS uuid), 'Coupon ' || n, 'FIXED', 100, 0, 'KRW', 10,
    now() - interval '2 days',
    now() + CASE WHEN n <= 5 THEN interval '1 day' ELSE interval '-1 day' END, now()
FROM generate_series(1, 20000) AS n
"""
_STRIPES = """
INSERT INTO coupon_stripe (coupon_id, number, quantity_left) SELECT id, 0, 10 FROM coupon
"""


@pytest.mark.usefixtures("own_shop")
def test_ended_coupons_are_not_read_to_list_open_ones() -> None:
    for sql in (_ENDED, _STRIPES, "VACUUM ANALYZE coupon", "VACUUM ANALYZE coupon_stripe"):
        database().run([Query(sql)])

    plan = explained(OPEN(before=UUID(int=2**128 - 1), limit=21))

    assert "coupon_by_end" in plan, plan
    assert int(re.findall(r"Buffers: shared hit=(\d+)", plan)[0]) < 60, plan
    shown = call("coupon/list_coupons", "GET", "/coupons").json["items"]
    assert sorted(each["name"] for each in shown) == [f"Coupon {n}" for n in range(1, 6)]


def explained(query: Query) -> str:
    found = database().run([Query(f"EXPLAIN (ANALYZE, BUFFERS) {query.sql}", query.values)])[0]
    return "\n".join(str(row[0]) for row in found)
