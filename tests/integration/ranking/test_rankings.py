"""GET /rankings, a product's rank, and the weights, from the handlers to the servers and back."""

import time
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from commerce.app import ranking_boards
from commerce.app.catalogue import catalogue
from commerce.app.rankings import Rankings, rankings
from commerce.ranking import Boards, Period, Ranked, periods, statements
from commerce.ranking.periods import Span
from commerce.ranking.repository import SqlRankingRepository
from commerce.runtime.cache.read_through import shared_cache
from commerce.shared import clock as shared_clock
from commerce.shared.clock import new_id
from tests.support.envelopes import a_like, a_view, an_order, envelope_of
from tests.support.lambda_calls import (
    Answer,
    bus_message,
    call,
    function,
    lambda_context,
    sqs_event,
)
from tests.support.other_connection import held_by_another
from tests.support.ranking import a_week, put, ranked
from tests.support.rankings import Clock, board, carry_over, deliver, ids
from tests.support.shop import a_brand, a_buyer, a_product, an_admin, rows
from tests.support.statements import counted
from tests.support.threads import run_concurrently
from tests.support.valkey import empty_valkey, forget_valkey

NOW = "2026-03-10T14:30:00+09:00"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, NOW)


def count(*events: Any, at: str = NOW) -> None:
    assert deliver(*(envelope_of(event, at=at) for event in events)) == []


def ranking(query: str = "") -> list[Any]:
    answer = call("ranking/get_rankings", "GET", f"/rankings?{query}")
    assert answer.status == 200, answer.json
    assert set(answer.json) == {"period", "at", "items"}
    items: list[Any] = answer.json["items"]
    return items


def rank_of(product: str) -> int | None:
    answer = call("product/get_product", "GET", f"/products/{product}")
    assert answer.status == 200
    found: int | None = answer.json["rank"]
    return found


def admin() -> str:
    """A token as of now: its signature is not checked by the test's clock."""
    with pytest.MonkeyPatch.context() as real:
        real.setattr(shared_clock, "now", lambda: datetime.now(UTC))
        return an_admin().token


def set_weights(body: Any, token: str | None = None) -> Answer:
    path = "/admin/ranking-weights"
    return call("ranking/put_ranking_weights", "PUT", path, body=body, token=token or admin())


def get_weights() -> Any:
    path = "/admin/ranking-weights"
    answer = call("ranking/get_ranking_weights", "GET", path, token=admin())
    assert answer.status == 200
    return answer.json


class TestPlaces:
    def test_products_are_ranked_best_first_with_their_summaries(self, clock: Clock) -> None:
        brand = a_brand("Acme")
        first, second = (a_product(name=name, brand_id=brand) for name in ("Anvil", "Rocket"))
        count(a_view(first), a_like(first), a_view(second))
        shown = ranking()
        assert [(each["rank"], each["score"]) for each in shown] == [
            (1, pytest.approx(0.3)),
            (2, 0.1),
        ]
        assert shown[0]["product"] == {
            "product_id": first,
            "name": "Anvil",
            "description": "",
            "price": {"amount": 1000, "currency": "KRW"},
            "brand": {"brand_id": brand, "name": "Acme"},
            "like_count": 0,
            "version": 1,
            "availability": "ON_SALE",
        }
        assert ranking("period=daily&at=20260310") == shown
        assert ranking("period=hourly") == ranking("period=hourly&at=2026031014") == shown
        assert ranking("period=hourly&at=2026031013") == []

    def test_pages_follow_each_other(self, clock: Clock) -> None:
        products = [a_product() for _ in range(5)]
        for number, product in enumerate(products):
            count(*(a_view(product) for _ in range(number + 1)))
        pages = [ranking(f"limit=2&page={page}") for page in (1, 2, 3, 4)]
        assert [ids(page) for page in pages] == [
            products[:2:-1], products[2:0:-1], products[:1], []
        ]  # fmt: skip
        assert [each["rank"] for page in pages for each in page] == [1, 2, 3, 4, 5]

    def test_a_deleted_product_is_left_out_of_the_ranking(self, clock: Clock) -> None:
        product = a_product()
        count(a_view(str(new_id())), a_view(str(new_id())), a_view(product), a_view(product))
        assert [(each["rank"], each["product"]["product_id"]) for each in ranking()] == [
            (1, product)
        ]
        assert ranking("page=2&limit=1") == []

    def test_a_page_takes_three_statements_and_a_cached_one_none(self, clock: Clock) -> None:
        products = [a_product() for _ in range(30)]
        count(*(a_view(each) for each in products))
        ranking("limit=1")
        with counted() as sent:
            assert len(ranking("limit=30")) == 30
        assert sent.count == 3
        with counted() as sent:
            assert len(ranking("limit=30")) == 30
        assert sent.count == 0

    @pytest.mark.parametrize(
        "query",
        [
            "period=yearly",
            "at=2026-03-10",
            "at=20260231",
            "at=2026031014",
            "period=hourly&at=2026031024",
            "period=hourly&at=20260310",
            "period=weekly&at=2026W54",
            "period=weekly&at=2025W53",
            "period=weekly&at=2026W00",
            "period=weekly&at=202610",
            "period=monthly&at=202613",
            "period=monthly&at=2026W10",
            "at=%D9%A2%D9%A0%D9%A2%D9%A6%D9%A0%D9%A3%D9%A1%D9%A0",
            "at=00000310",
            "limit=0",
            "limit=101",
            "page=0",
            "page=x",
            "page=51",
            "limit=100&page=11",
            "period=weekly&limit=100&page=11",
            "page=1000000",
        ],
    )
    def test_an_invalid_query_is_refused(self, query: str) -> None:
        answer = call("ranking/get_rankings", "GET", f"/rankings?{query}")
        assert answer.status == 422, answer.json
        assert answer.json["errors"][0]["field"] in query

    @pytest.mark.parametrize(
        "query",
        ["", "period=hourly", "period=weekly", "period=monthly", "period=weekly&at=2026W53",
         "period=monthly&at=202612", "at=20991231", "at=00010101", "page=50", "limit=1&page=1000"],
    )  # fmt: skip
    def test_a_ranking_without_products_is_an_empty_list(self, clock: Clock, query: str) -> None:
        assert ranking(query) == []


class TestTheDatabaseStepsIn:
    """A day that has no board is answered from its metrics."""

    def test_without_its_board_a_day_has_the_same_ranking(
        self, clock: Clock, own_shop: str
    ) -> None:
        products = [a_product() for _ in range(4)]
        before = "2026-03-09T12:00:00+09:00"
        clock.set(before)
        deliver_to_both(*(a_view(each) for each in products for _ in range(7)), at=before)
        clock.set("2026-03-09T23:50:00+09:00")
        carry_over()
        clock.set(NOW)
        deliver_to_both(a_like(products[1]), an_order((products[2], 3, 4321)), at=NOW)
        shown = ranking()
        assert ids(shown) == [products[2], products[1], products[3], products[0]]
        pages = [ranking(f"limit=2&page={page}") for page in (1, 2, 3)]
        empty_valkey()
        again = ranking()
        assert ids(again) == ids(shown)
        assert [each["score"] for each in again] == pytest.approx(
            [each["score"] for each in shown], abs=1e-8
        )
        assert [ids(ranking(f"limit=2&page={page}")) for page in (1, 2, 3)] == [
            ids(page) for page in pages
        ]

    def test_readers_within_seconds_share_one_statement(
        self, clock: Clock, own_shop: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        product = a_product()
        deliver_to_both(a_view(product), at=NOW)
        monkeypatch.setenv("VALKEY_URL", "redis://127.0.0.1:9/0")
        forget_valkey()
        with counted() as sent:
            shown = [ranking() for _ in range(5)]
        assert [ids(each) for each in shown] == [[product]] * 5
        assert len([sql for sql in sent.statements if "product_metrics_daily" in sql]) == 1
        monkeypatch.undo()
        forget_valkey()

    def test_all_pages_and_limits_of_a_day_are_one_statement(
        self, clock: Clock, own_shop: str
    ) -> None:
        products = sorted(a_product() for _ in range(3))
        for each in products:
            put(date(2026, 3, 10), UUID(each), views=10)
        with counted() as sent:
            pages = [ranking(f"at=20260310&limit={n}&page={n}") for n in range(1, 6)]
            rankings.cache_clear()  # another environment
            pages += [ranking(f"at=20260310&limit=1&page={page}") for page in range(1, 6)]
        assert [ids(each) for each in pages] == [
            [products[2]], [products[0]], [], [], [],
            [products[2]], [products[1]], [products[0]], [], [],
        ]  # fmt: skip
        assert len([sql for sql in sent.statements if "product_metrics_daily" in sql]) == 1

    def test_concurrent_environments_share_one_computation(
        self, clock: Clock, own_shop: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        product = a_product()
        put(date(2026, 3, 9), UUID(product), views=10)
        computed: list[object] = []
        top = SqlRankingRepository.top

        def slow(ranks: SqlRankingRepository, day: date, *rest: Any) -> list[Ranked]:
            computed.append(day)
            time.sleep(0.3)
            return top(ranks, day, *rest)

        monkeypatch.setattr(SqlRankingRepository, "top", slow)

        def environment() -> list[str]:
            shown = Rankings(ranking_boards.boards(), catalogue(), shared_cache()).page(
                Period.DAILY, "20260309", limit=20, page=1
            )
            return [each.product.product_id for each in shown.items]

        assert run_concurrently([environment] * 6) == [[product]] * 6
        assert computed == [date(2026, 3, 9)]

    def test_days_are_computed_one_at_a_time_over_all_connections(
        self, clock: Clock, own_shop: str
    ) -> None:
        put(date(2026, 3, 9), UUID(a_product()), views=10)
        with held_by_another(own_shop, statements.ONE_AT_A_TIME.compiled.sql):
            answer = call("ranking/get_rankings", "GET", "/rankings?at=20260309")
        assert (answer.status, answer.json["code"]) == (503, "BUSY")

    @pytest.mark.parametrize("day", ["20260207", "20260308", "20260312"])
    def test_no_reader_computes_a_finished_or_a_future_day(
        self, clock: Clock, own_shop: str, day: str
    ) -> None:
        put(date.fromisoformat(day), UUID(a_product()), views=10)
        ranking_boards.ranking_weights().get()
        with counted() as sent:
            assert ranking(f"at={day}") == []
        assert sent.count == 1
        assert "product_metrics_daily" not in sent.statements[0]

    def test_a_finished_day_is_shown_as_published(self, clock: Clock, own_shop: str) -> None:
        products = [a_product() for _ in range(3)]
        for number, product in enumerate(products):
            put(date(2026, 3, 8), UUID(product), views=10 * (number + 1))
        put(date(2026, 3, 7), UUID(products[0]), views=1000)
        ranked(Span.of(periods.Period.DAILY, "20260308"))
        shown = ranking("at=20260308")
        assert [(each["rank"], each["score"]) for each in shown] == [(1, 11), (2, 3), (3, 2)]
        assert ids(shown) == [products[0], products[2], products[1]]
        assert ids(ranking("at=20260308&limit=2&page=2")) == products[1:2]

    def test_a_running_day_without_a_board_is_shown_as_published(
        self, clock: Clock, own_shop: str
    ) -> None:
        products = [a_product() for _ in range(3)]
        for number, product in enumerate(products):
            put(date(2026, 3, 10), UUID(product), views=number + 1)
        ranked(Span.of(periods.Period.DAILY, "20260310"))
        ranking_boards.ranking_weights().get()
        with counted() as sent:
            assert ids(ranking("limit=2&page=1")) == products[:0:-1]
            assert ids(ranking("limit=2&page=2")) == products[:1]
            assert ranking("limit=2&page=3") == []
        assert not [sql for sql in sent.statements if "product_metrics_daily" in sql]

    def test_products_with_a_negative_score_are_not_ranked(
        self, clock: Clock, own_shop: str
    ) -> None:
        product = a_product()
        rows(
            "INSERT INTO product_metrics_daily (day, product_id, likes, amount)"
            " VALUES ('2026-03-10', $1, -1, -5000)",
            product,
        )
        assert ranking() == []


def deliver_to_both(*events: Any, at: str) -> None:
    """Deliver the events to the metrics and to the boards."""
    envelopes = [envelope_of(event, at=at) for event in events]
    assert deliver(*envelopes) == []
    event = sqs_event(*map(bus_message, envelopes))
    answer = function("metrics/on_product_activity")(event, lambda_context())
    assert answer == {"batchItemFailures": []}


class TestWeeksAndMonths:
    def test_weekly_and_monthly_rankings_are_shown_as_published(self, own_shop: str) -> None:
        span = a_week()
        products = [a_product() for _ in range(3)]
        for number, product in enumerate(products):
            put(span.first_day, UUID(product), views=10 * (number + 1))
        assert ranking(f"period=weekly&at={span.key}") == []
        ranked(span)
        shown = ranking(f"period=weekly&at={span.key}")
        assert [(each["rank"], each["score"]) for each in shown] == [(1, 3.0), (2, 2.0), (3, 1.0)]
        assert ids(shown) == products[::-1]
        assert ids(ranking(f"period=weekly&at={span.key}&limit=2&page=2")) == products[:1]

    @pytest.mark.parametrize(
        ("period", "at", "key"),
        [
            ("hourly", "2026-03-10T14:59:59+09:00", "2026031014"),
            ("daily", "2026-03-10T00:00:00+09:00", "20260310"),
            ("weekly", "2026-12-31T12:00:00+09:00", "2026W52"),
            ("weekly", "2027-01-04T00:59:59+09:00", "2026W52"),  # ranked an hour after its end
            ("weekly", "2027-01-04T01:00:00+09:00", "2026W53"),
            ("monthly", "2026-02-28T23:59:59+09:00", "202601"),
            ("monthly", "2026-02-28T17:00:00Z", "202602"),
        ],
    )
    def test_without_at_the_answer_names_the_newest_ranking(
        self, clock: Clock, period: str, at: str, key: str
    ) -> None:
        clock.set(at)
        answer = call("ranking/get_rankings", "GET", f"/rankings?period={period}")
        assert (answer.status, answer.json) == (200, {"period": period, "at": key, "items": []})

    def test_without_at_the_last_finished_week_is_shown(self, clock: Clock, own_shop: str) -> None:
        span, product = Span.of(periods.Period.WEEKLY, "2026W10"), a_product()
        put(span.last_day, UUID(product), views=10)
        ranked(span)
        clock.set("2026-03-12T12:00:00+09:00")
        assert ids(ranking("period=weekly")) == [product]

    def test_periodical_rankings_use_the_weights_in_force(self, own_shop: str) -> None:
        span, product = a_week(), a_product()
        put(span.last_day, UUID(product), views=10, likes=1)
        set_weights({"view": 0.5, "like": 0, "order": 0.7})
        ranked(span)
        assert [each["score"] for each in ranking(f"period=weekly&at={span.key}")] == [5.0]


class TestTheRankOfAProduct:
    def test_a_products_rank_is_todays(self, clock: Clock) -> None:
        first, second, unseen = (a_product() for _ in range(3))
        count(a_view(first), a_view(first), a_view(second))
        assert (rank_of(first), rank_of(second), rank_of(unseen)) == (1, 2, None)
        clock.set("2026-03-11T00:00:00+09:00")
        assert rank_of(first) is None

    def test_a_products_rank_is_not_cached_with_its_summary(self, clock: Clock) -> None:
        product = a_product()
        assert rank_of(product) is None
        count(a_view(product))
        with counted() as sent:
            assert rank_of(product) == 1
        assert sent.count == 1  # its state; the card is kept


class TestWeights:
    def test_default_weights_are_those_of_the_contract(self, own_shop: str) -> None:
        assert get_weights() == {"view": 0.1, "like": 0.2, "order": 0.7}
        body = {"view": 0.5, "like": 0, "order": 1}
        answer = set_weights(body)
        assert (answer.status, answer.json) == (200, body)
        assert get_weights() == body

    def test_new_weights_rescore_the_running_boards_at_once(
        self, clock: Clock, own_shop: str
    ) -> None:
        product, other = a_product(), a_product()
        count(*(a_view(product) for _ in range(3)), a_like(other), a_like(other))
        assert ids(ranking()) == [other, product]
        assert set_weights({"view": 0.5, "like": 0.2, "order": 0.7}).status == 200
        assert [(each["score"]) for each in ranking()] == [1.5, 0.4]
        assert ids(ranking("period=hourly")) == [product, other]
        assert rank_of(product) == 1

    def test_the_admin_who_set_the_weights_is_stored(self, own_shop: str) -> None:
        admin = an_admin()
        set_weights({"view": 0.5, "like": 0.2, "order": 0.7}, admin.token)
        set_weights({"view": 0.6, "like": 0.2, "order": 0.7}, admin.token)
        found = rows("SELECT version, view_weight, set_by FROM ranking_weights ORDER BY version")
        assert [(row.version, row.view_weight) for row in found] == [(1, 0.5), (2, 0.6)]
        assert all(str(admin.user_id) in row.set_by for row in found)

    def test_an_unreachable_board_is_rescored_when_it_is_read(
        self, clock: Clock, own_shop: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        product = a_product()
        count(a_view(product))
        with monkeypatch.context() as away:
            away.setattr(Boards, "rescore_running", lambda *_: 0)
            set_weights({"view": 0.5, "like": 0.2, "order": 0.7})
        assert ranking()[0]["score"] == 0.1  # as this environment knows them
        later = ranking_boards.ranking_weights()._until + 0.001
        monkeypatch.setattr(time, "monotonic", lambda: later)
        assert ranking()[0]["score"] == 0.5
        assert board("20260310") == {product: 0.5}

    def test_every_environment_rereads_the_weights_within_a_minute(self) -> None:
        assert ranking_boards.WeightsInForce.CACHE_SECONDS <= 30

    @pytest.mark.parametrize(
        "body",
        [
            {"view": 1.01, "like": 0.2, "order": 0.7},
            {"view": -0.01, "like": 0.2, "order": 0.7},
            {"view": "0.1", "like": 0.2, "order": 0.7},
            {"view": True, "like": 0.2, "order": 0.7},
            {"view": None, "like": 0.2, "order": 0.7},
            {"view": 0.1, "like": 0.2},
            {"view": 0.1, "like": 0.2, "order": 0.7, "share": 0.1},
            {"view": 1e400, "like": 0.2, "order": 0.7},
            {},
        ],
    )
    def test_an_invalid_weight_is_refused(self, body: Any, own_shop: str) -> None:
        answer = set_weights(body)
        assert answer.status in (400, 422)
        assert get_weights() == {"view": 0.1, "like": 0.2, "order": 0.7}

    def test_only_an_admin_sees_and_sets_weights(self) -> None:
        body = {"view": 0.1, "like": 0.2, "order": 0.7}
        assert set_weights(body, a_buyer().token).status == 403
        answer = call("ranking/get_ranking_weights", "GET", "/admin/ranking-weights")
        assert answer.status == 401
