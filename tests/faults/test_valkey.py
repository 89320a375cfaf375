"""Valkey stopped, hanging or answering rubbish: the database answers, and nobody sees an error."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commerce.app.catalogue import FIRST_PAGES, SUMMARIES
from commerce.runtime.cache import valkey
from infra.local.ports import Ports
from infra.local.process import Server
from infra.local.valkey import start_valkey
from tests.support.lambda_calls import Answer, call
from tests.support.shop import a_brand, a_buyer, a_product, an_admin
from tests.support.statements import counted
from tests.support.valkey import a_server_that_says, forget_valkey, hanging

pytestmark = pytest.mark.usefixtures("shop_environment")

TIMEOUT_SECONDS = valkey.TIMEOUT_SECONDS

RUBBISH = {
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "bytes without end": b"\x00\xff" * 100,
    "a number that is none": b":many\r\n",
    "a size that is none": b"$-7\r\n",
    "a size without end": b"$999999999999\r\n",
    "an answer too many": b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n",
    "an error": b"-ERR no\r\n",
    "loading": b"-LOADING Redis is loading the dataset in memory\r\n",
    "OK": b"+OK\r\n",
    "too few values": b"*0\r\n",
    "values that are none of ours": b"*1\r\n$3\r\nabc\r\n",
    "lists in lists": b"*1\r\n" * 5000,
}


@pytest.fixture
def as_impatient_as_ever(shop_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs as they are; the other tests have longer ones."""
    monkeypatch.setattr(valkey, "TIMEOUT_SECONDS", TIMEOUT_SECONDS)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A Valkey of the test's own, which this process uses."""
    running = start_valkey(tmp_path, Ports.free().valkey)
    monkeypatch.setenv("VALKEY_URL", running.url)
    forget_valkey()
    yield running
    running.stop()
    monkeypatch.undo()
    forget_valkey()


@pytest.fixture
def shelves() -> tuple[str, str]:
    """A brand and its product."""
    brand = a_brand()
    return brand, a_product(stock=3, brand_id=brand)


def read_everything(brand: str, product: str) -> float:
    """Read all that goes through the cache, rightly; returns how long it took, in seconds."""
    started = time.monotonic()
    shown = call("product/get_product", "GET", f"/products/{product}")
    assert (shown.status, shown.json["stock_quantity"]) == (200, 3)
    assert call("brand/get_brand", "GET", f"/brands/{brand}").json["brand_id"] == brand
    for query in (f"brand_id={brand}", f"brand_id={brand}&sort=likes_desc&limit=1"):
        listed: Answer = call("product/list_products", "GET", f"/products?{query}")
        assert [each["product_id"] for each in listed.json["items"]] == [product]
    likes = call("like/list_my_likes", "GET", "/users/me/likes", token=a_buyer().token)
    assert likes.status == 200
    return time.monotonic() - started


def test_reads_work_when_valkey_was_never_up(server: Server, shelves: tuple[str, str]) -> None:
    server.stop()
    read_everything(*shelves)
    read_everything(*shelves)


def test_reads_work_while_valkey_is_down_and_use_it_again_after(
    server: Server, shelves: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey, "SKIP_SECONDS", 0.05)
    read_everything(*shelves)
    with counted() as sent:
        read_everything(*shelves)
    kept = sent.count
    server.kill()
    with counted() as sent:
        read_everything(*shelves)
    assert sent.count > kept

    again = start_valkey(tmp_path, int(server.url.split(":")[-1].split("/")[0]))
    try:
        time.sleep(0.1)  # as long as it is skipped
        read_everything(*shelves)
        with counted() as sent:
            read_everything(*shelves)
        assert sent.count == kept
    finally:
        again.stop()


@pytest.mark.usefixtures("as_impatient_as_ever")
def test_reads_work_while_valkey_hangs(server: Server, shelves: tuple[str, str]) -> None:
    read_everything(*shelves)
    with hanging(server.pid):
        for _ in range(3):
            read_everything(*shelves)
        with counted() as sent:
            read_everything(*shelves)
    assert sent.count > 5


@pytest.mark.usefixtures("as_impatient_as_ever")
def test_a_hanging_valkey_costs_one_time_out_and_is_then_skipped(
    server: Server, shelves: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[str] = []
    skip = valkey.Valkey._skip

    def noted(self: valkey.Valkey, reason: str) -> None:
        waits.append(reason)
        skip(self, reason)

    monkeypatch.setattr(valkey.Valkey, "_skip", noted)
    with hanging(server.pid):
        for _ in range(3):
            read_everything(*shelves)
    assert len(waits) == 1
    assert "Timeout" in waits[0]


@pytest.mark.usefixtures("as_impatient_as_ever")
@pytest.mark.parametrize("answer", RUBBISH.values(), ids=RUBBISH)
def test_reads_work_when_valkey_answers_nonsense(
    shelves: tuple[str, str], answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey, "SKIP_SECONDS", 0)  # so that every command is sent
    with a_server_that_says(answer) as url:
        monkeypatch.setenv("VALKEY_URL", url)
        forget_valkey()
        read_everything(*shelves)
        body = {"brand_id": shelves[0], "name": "Anvil", "price_amount": 1}
        token = an_admin().token
        made = call("product/register_product", "POST", "/admin/products", body=body, token=token)
        assert made.status == 201
    monkeypatch.undo()
    forget_valkey()


def test_reads_work_without_a_valkey_address(
    shelves: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in ("", "nonsense", "redis://no-such-host.invalid:6379/0"):
        monkeypatch.setenv("VALKEY_URL", url)
        forget_valkey()
        read_everything(*shelves)
    monkeypatch.undo()
    forget_valkey()


def test_invalid_cache_entries_are_ignored_and_overwritten(
    server: Server, shelves: tuple[str, str]
) -> None:
    import redis

    brand, product = shelves
    read_everything(brand, product)
    client = redis.Redis.from_url(server.url)
    for key in client.scan_iter("lastunit:*"):
        client.set(key, b"\xfe rubbish")
    read_everything(brand, product)
    assert client.get(SUMMARIES.key(product)) != b"\xfe rubbish"
    assert client.get(FIRST_PAGES.key(f"latest:{brand}")) != b"\xfe rubbish"
    client.close()


def test_a_list_is_served_while_its_refill_hangs(server: Server, shelves: tuple[str, str]) -> None:
    """A refill of the list and its summaries has stopped in the middle, holding the locks."""
    import redis

    brand, product = shelves
    client = redis.Redis.from_url(server.url)
    for key in (FIRST_PAGES.key(f"latest:{brand}"), SUMMARIES.key(product)):
        client.set(f"{key}:refill", "somebody else", ex=60)
    for _ in range(3):
        listed = call("product/list_products", "GET", f"/products?brand_id={brand}")
        assert [each["product_id"] for each in listed.json["items"]] == [product]
    assert client.get(FIRST_PAGES.key(f"latest:{brand}")) is None
    client.close()
