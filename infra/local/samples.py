"""Makes the sample events of events/ real: what they name is there, in the shop that runs here.

A sample names a product, an order, a payment … by ids that no shop has, and carries no token and
no valid signature. A scene puts what is named into the shop, through its API, and writes the true
values into the sample. Each sample has a scene of its own: a new user, a new product.
"""

import json
import re
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import boto3
import pg8000.native
import urllib3
from botocore.config import Config

from infra.local.api import Api, Json
from infra.local.demo import (
    CARD_TIMEOUT_SECONDS,
    CHARGED_WON,
    POLL_SECONDS,
    Buyer,
    a_token,
    sign_up,
)
from infra.local.errors import LocalError
from infra.local.gateway import gateway_secret, signed
from infra.template import ROOT, Function

EVENTS = ROOT / "events"
STACK = "lastunit"
REFRESH_TOKEN = "REFRESH_TOKEN"  # noqa: S105
TOKEN = "TOKEN"  # noqa: S105 - the placeholder in events/http
MAILED_TOKEN = "MAILED_TOKEN"  # noqa: S105
LOGIN_ID = "coyote"
_ID = "0198c0de-0000-7000-8000-0000000000"
PRODUCT_ID, BRAND_ID, ORDER_ID = _ID + "0a", _ID + "0b", _ID + "0c"
USER_ID, PAYMENT_ID, COUPON_ID, RUN_ID = _ID + "0d", _ID + "0f", _ID + "c1", _ID + "aa"
EVENT_ID, SESSION_ID, CHARGE_ID = _ID + "10", _ID + "17", _ID + "c2"
PAYMENT_TOKEN = "TK-0198c0de000070008000000000000000"  # noqa: S105 - of no card
DROP_ID, ENTRY_ID, API_KEY_ID = _ID + "d1", _ID + "e1", _ID + "b7"
ADDRESS_ID, RETURN_ID, ALERT_ID = _ID + "ad", _ID + "c4", _ID + "a1"
SAMPLE_IDS = {
    PRODUCT_ID, BRAND_ID, ORDER_ID, USER_ID, PAYMENT_ID, COUPON_ID, RUN_ID, EVENT_ID, SESSION_ID,
    DROP_ID, ENTRY_ID, CHARGE_ID, API_KEY_ID, ADDRESS_ID, RETURN_ID, ALERT_ID,
}  # fmt: skip
KEY = re.compile(r"sample-[a-z-]+-[0-9]{4}\b")  # an Idempotency-Key
SAMPLE_DAY = "2026-05-27"  # of the week that the samples of the ranking's tasks rank
STOCK, PRICE_WON = 100, 12_000
MAIL_SECONDS = 60
OPENS_SECONDS = 3  # until a sample's drop may be entered; it is published before
DRAWN = ("get_drop_proof",)
ENTERED = ("enter_drop", "get_my_entry", "withdraw_entry", "disqualify_entry", *DRAWN)


class Scene:
    """The data that one sample names, created in the running shop on demand."""

    def __init__(
        self, function: Function, running: Mapping[str, str], text: str | None = None
    ) -> None:
        """Set the scene of a function's sample, or of another event of it, given as text."""
        self._name = function.event_file.stem
        sample = ROOT / function.event_file
        self._text = sample.read_text(encoding="utf-8") if text is None else text
        self._running = running
        self._anyone = Api(running["API_URL"])
        self._admin = self._anyone.as_owner_of(running["ADMIN_TOKEN"])

    def event(self) -> str:
        """Return the sample with everything in it real. Raises LocalError where that fails."""
        sample = self._with_recorded_events() if '"Records"' in self._text else self._text
        for placeholder, fact in self._facts().items():
            if placeholder in sample:
                sample = sample.replace(placeholder, fact())
        sample = KEY.sub(_a_key(), sample)  # of a run before, the shop knows the samples' own
        return self._signed(sample) if self._name == "receive_callback" else sample

    def _facts(self) -> dict[str, Callable[[], str]]:
        """Return by placeholder what creates its value."""
        orders = {
            "deliver_order": self._shipped_order,
            "pay_order": self._unpaid_order,
            "request_return": self._delivered_order,
        }
        runs = {"publish_ranks": self._ranked_run}
        is_about_login = self._name in ("sign_up", "open_session")
        is_about_password = self._name in ("change_password", "erase_me")
        return {
            PRODUCT_ID: lambda: str(self._product["product_id"]),
            BRAND_ID: lambda: str(self._product["brand"]["brand_id"]),
            COUPON_ID: lambda: str(self._coupon["coupon_id"]),
            USER_ID: lambda: str(self._buyer.api.call("GET", "/users/me")["user_id"]),
            ORDER_ID: orders.get(self._name, self._confirmed_order),
            PAYMENT_ID: lambda: self._paid_order()[1],
            RUN_ID: runs.get(self._name, self._run),
            EVENT_ID: self._quarantined_event,
            ALERT_ID: self._alert,
            SESSION_ID: lambda: str(
                self._buyer.api.call("GET", "/sessions")["items"][0]["session_id"]
            ),
            CHARGE_ID: lambda: str(self._charge["charge_id"]),
            PAYMENT_TOKEN: lambda: a_token(self._running["GATEWAY_URL"], "KB"),
            REFRESH_TOKEN: lambda: str(self._session["refresh_token"]),
            MAILED_TOKEN: self._mailed_token,
            DROP_ID: lambda: self._drop,
            ENTRY_ID: lambda: str(self._entry["entry_id"]),
            API_KEY_ID: self._api_key,
            ADDRESS_ID: self._address,
            RETURN_ID: self._return,
            TOKEN: (
                (lambda: str(self._session["access_token"])) if is_about_password else self._token
            ),
            **({LOGIN_ID: self._login_id} if is_about_login else {}),
        }

    # --- who asks ----------------------------------------------------------------------------

    @cached_property
    def _buyer(self) -> Buyer:
        buyer = sign_up(self._anyone)
        buyer.api.call("POST", "/users/me/points/charges", {"amount": CHARGED_WON}, _a_key())
        return buyer

    @cached_property
    def _charge(self) -> Json:
        charge = {"amount": CHARGED_WON}
        return self._buyer.api.call("POST", "/users/me/points/charges", charge, _a_key())

    def _token(self) -> str:
        is_for_admins = '"path": "/admin' in self._text
        return self._running["ADMIN_TOKEN"] if is_for_admins else str(self._buyer.api.token)

    def _login_id(self) -> str:
        """Make a new login id; where a session is to be opened, a user has signed up with it."""
        login_id = f"coy{secrets.token_hex(3)}"
        return login_id if self._name == "sign_up" else str(self._signed_up(login_id)["login_id"])

    def _signed_up(self, login_id: str) -> Json:
        """Sign a user up as the sample does; return what was sent."""
        sample = json.loads((EVENTS / "http" / "sign_up.json").read_text(encoding="utf-8"))
        own = {"login_id": login_id, "email": f"{login_id}@example.com"}
        user: Json = {**json.loads(sample["body"]), **own}
        self._anyone.call("POST", "/users", user)
        return user

    @cached_property
    def _session(self) -> Json:
        """Open a session of a user whose password is the samples'."""
        user = self._signed_up(f"coy{secrets.token_hex(3)}")
        login = {name: user[name] for name in ("login_id", "password")}
        return self._anyone.call("POST", "/sessions", login)

    def _mailed_token(self) -> str:
        """Return the token of the newest mail to a new user: to verify, or to reset a password."""
        email = str(self._signed_up(f"coy{secrets.token_hex(3)}")["email"])
        mails = 1
        if self._name == "reset_password":
            self._anyone.call("POST", "/password-resets", {"email": email})
            mails = 2
        url = f"{self._running['MAIL_URL']}/messages?to={email}"
        deadline = time.monotonic() + MAIL_SECONDS
        while time.monotonic() < deadline:
            found = urllib3.request("GET", url, retries=False, timeout=5).json()["items"]
            if len(found) >= mails:
                [token] = re.findall(r"<code>(\S+)</code>", found[-1]["html"])
                return str(token)
            time.sleep(POLL_SECONDS)
        raise LocalError(f"No mail to {email} has arrived within {MAIL_SECONDS} s.")

    # --- what is asked for -------------------------------------------------------------------

    @cached_property
    def _product(self) -> Json:
        brand = {"name": "Acme", "description": "Everything a coyote needs."}
        brand_id = self._admin.call("POST", "/admin/brands", brand)["brand_id"]
        anvil = {"brand_id": brand_id, "name": "Anvil", "description": "It falls down."}
        product = self._admin.call("POST", "/admin/products", {**anvil, "price_amount": PRICE_WON})
        self._set_stock(product["product_id"], STOCK)
        return product

    def _set_stock(self, product_id: str, quantity: int) -> None:
        self._admin.call("PUT", f"/admin/products/{product_id}/stock", {"quantity": quantity})

    @cached_property
    def _coupon(self) -> Json:
        sample = json.loads((EVENTS / "http" / "register_coupon.json").read_text(encoding="utf-8"))
        return self._admin.call("POST", "/admin/coupons", json.loads(sample["body"]))

    def _place(self, payment_method: str) -> str:
        lines = [{"product_id": self._product["product_id"], "quantity": 1}]
        price = self._product["price"]
        order = {"lines": lines, "payment_method": payment_method, "expected_total": price}
        return str(self._buyer.api.call("POST", "/orders", order, _a_key())["order_id"])

    def _confirmed_order(self) -> str:
        return self._place("POINT")

    def _unpaid_order(self) -> str:
        self._prepare_gateway("SUCCESS")
        return self._place("CARD")

    def _shipped_order(self) -> str:
        order_id = self._confirmed_order()
        self._admin.call("POST", f"/admin/orders/{order_id}/shipment")
        return order_id

    def _delivered_order(self) -> str:
        order_id = self._shipped_order()
        self._admin.call("POST", f"/admin/orders/{order_id}/delivery")
        return order_id

    def _return(self) -> str:
        line = {"product_id": self._product["product_id"], "quantity": 1, "reason": "Too heavy"}
        path = f"/orders/{self._delivered_order()}/returns"
        return str(self._buyer.api.call("POST", path, {"lines": [line]}, _a_key())["return_id"])

    def _paid_order(self, result: str = "SUCCESS") -> tuple[str, str]:
        """Pay an order by card and wait for the result; return the order's id and the payment's."""
        order_id = self._place("CARD")
        self._prepare_gateway(result)
        token = a_token(self._running["GATEWAY_URL"], "KB")
        card = {"order_id": order_id, "card_type": "KB", "payment_token": token}
        payment = self._buyer.api.call("POST", "/payments", card, _a_key())
        deadline = time.monotonic() + CARD_TIMEOUT_SECONDS
        while not self._is_settled(order_id):
            if time.monotonic() > deadline:
                raise LocalError(f"Order {order_id} has no result after {CARD_TIMEOUT_SECONDS} s.")
            time.sleep(POLL_SECONDS)
        return order_id, str(payment["payment_id"])

    def _is_settled(self, order_id: str) -> bool:
        order = self._buyer.api.call("GET", f"/orders/{order_id}")
        is_declined = order["payments"][-1]["status"] == "FAILED"
        return bool(is_declined or order["status"] != "PENDING")

    def _prepare_gateway(self, result: str) -> None:
        """Let the gateway be well for one payment, which otherwise it is for three of five."""
        behaviour = json.dumps({"mode": "healthy", "times": 1, "result": result})
        url = f"{self._running['GATEWAY_URL']}/behaviour"
        urllib3.request("PUT", url, body=behaviour, retries=False, timeout=5)

    def _signed(self, sample: str) -> str:
        """Return the callback of a payment that the gateway has taken, signed as it signs."""
        order_id, _ = self._paid_order()
        url = f"{self._running['GATEWAY_URL']}/transactions?orderId={order_id}"
        [transaction] = urllib3.request("GET", url, retries=False, timeout=5).json()["items"]
        event = json.loads(sample)
        reported = {name: transaction[name] for name in json.loads(event["body"])}
        event["body"] = json.dumps(reported)
        secret = gateway_secret(ROOT / ".local")
        for name, value in signed(secret, event["body"].encode()).items():
            event["headers"][name] = value
            event["multiValueHeaders"][name] = [value]
        return json.dumps(event)

    # --- drops ---------------------------------------------------------------------------------

    @cached_property
    def _drop(self) -> str:
        """Make a drop as far on as the sample needs it; return its id."""
        begins_at = int(time.time()) + (OPENS_SECONDS if self._name in ENTERED else 3600)
        terms = {
            "lots": [{"product_id": self._product["product_id"], "units": 1}],
            "entries_at": _at(begins_at),
            "draws_at": _at(begins_at + (1 if self._name in DRAWN else 3600)),
            "claim_minutes": 10,
        }
        drop_id = str(self._admin.call("POST", "/admin/drops", terms)["drop_id"])
        if self._name not in ("publish_drop", "edit_drop"):
            self._admin.call("POST", f"/admin/drops/{drop_id}/publication")
        if self._name in ENTERED:
            time.sleep(max(0.0, begins_at - time.time()) + 0.1)
        if self._name in DRAWN:
            time.sleep(1)
            self._task("EveryMinutePromoteFunction", {})
        if self._name == "get_drop_report":
            path = f"/admin/drops/{drop_id}/cancellation"
            self._admin.call("POST", path, {"reason": "It was a sample"})
        if self._name in ("get_my_entry", "withdraw_entry"):
            self._enter(drop_id)
        return drop_id

    @cached_property
    def _entry(self) -> Json:
        return self._enter(self._drop)

    def _api_key(self) -> str:
        key = {"name": "A sample", "scopes": ["stock"]}
        return str(self._admin.call("POST", "/admin/api-keys", key)["api_key_id"])

    def _address(self) -> str:
        book = "/users/me/addresses"
        return str(self._buyer.api.call("POST", book, _an_address())["address_id"])

    def _enter(self, drop_id: str) -> Json:
        return self._buyer.api.call("POST", f"/drops/{drop_id}/entries", {})

    # --- what has happened -------------------------------------------------------------------

    def _with_recorded_events(self) -> str:
        """Return the messages, each with an event that has just been recorded.

        So it is delivered once more, or for the first time if the shop's own function is slower:
        either way the books stay right. An event that no outbox keeps is made anew.
        """
        batch = json.loads(self._text)
        for record in batch["Records"]:
            body = json.loads(record["body"])
            if "detail" in body:
                body["detail"] = self._happened(body["detail"])
                record["body"] = json.dumps(body)
        return json.dumps(batch)

    def _happened(self, envelope: Json) -> Json:
        causes: dict[str, Callable[[], object]] = {
            "ProductLiked": self._like,
            "ProductUnliked": self._change_their_mind,
            "ProductChanged": self._reprice,
            "StockSoldOut": lambda: self._set_stock(self._product["product_id"], 0),
            "OrderConfirmed": self._confirmed_order,
            "OrderCancelled": self._cancel,
            "OrderAddressChanged": self._readdress,
            "PaymentSucceeded": self._paid_order,
            "PaymentFailed": lambda: self._paid_order("LIMIT_EXCEEDED"),
        }
        if cause := causes.get(envelope["type"]):
            cause()
            return self._newest(envelope["type"])
        return {**envelope, "id": str(uuid.uuid4())}

    def _like(self) -> None:
        self._buyer.api.call("PUT", f"/products/{self._product['product_id']}/like")

    def _change_their_mind(self) -> None:
        self._like()
        self._buyer.api.call("DELETE", f"/products/{self._product['product_id']}/like")

    def _reprice(self) -> None:
        path = f"/admin/products/{self._product['product_id']}"
        self._admin.call("PATCH", path, {"price_amount": PRICE_WON - 2_100})

    def _readdress(self) -> None:
        path = f"/orders/{self._confirmed_order()}/address"
        self._buyer.api.call("PUT", path, _an_address())

    def _cancel(self) -> None:
        is_paid_by_card = self._name == "on_paid_order_cancelled"
        order_id = self._paid_order()[0] if is_paid_by_card else self._confirmed_order()
        self._buyer.api.call("POST", f"/orders/{order_id}/cancellation", {"reason": "By mistake"})

    def _newest(self, event_type: str) -> Json:
        """Return the newest event of a type, as the relay puts it on the bus."""
        [[envelope]] = self._query(
            "SELECT json_build_object('id', id, 'source', source, 'type', type, 'occurred_at',"
            " to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),"
            " 'aggregate_id', aggregate_id, 'aggregate_version', aggregate_version,"
            " 'trace_id', trace_id, 'data', data)"
            " FROM outbox WHERE type = :type ORDER BY position DESC LIMIT 1",
            type=event_type,
        )
        found: Json = envelope if isinstance(envelope, dict) else json.loads(envelope)
        return found

    def _quarantined_event(self) -> str:
        """Keep an event apart as the relay does with what the bus will not take; nobody waits."""
        event_id = str(uuid.uuid4())
        self._query(
            "INSERT INTO outbox_set_aside (position, id, source, type, occurred_at, aggregate_id,"
            " aggregate_version, trace_id, data, cause, set_aside_at)"
            " SELECT nextval('outbox_position_seq'), CAST(:id AS uuid), source, type, occurred_at,"
            " aggregate_id, aggregate_version, trace_id, data, 'a sample', now()"
            " FROM outbox WHERE aggregate_id = CAST(:product AS uuid) AND type = 'StockChanged'"
            " ORDER BY position DESC LIMIT 1",
            id=event_id,
            product=self._product["product_id"],
        )
        return event_id

    def _alert(self) -> str:
        """Raise an alert of its own, of a kind for which nobody's order, money or goods wait."""
        alert_id = str(uuid.uuid4())
        self._query(
            "INSERT INTO alert (id, code, about, summary, runbook, first_at, last_at, count,"
            " version) VALUES (CAST(:id AS uuid), 'RANKINGS_LOST', 'sample ' || :id, 'A sample.',"
            " 'rankings-lost.md', now(), now(), 1, 1)",
            id=alert_id,
        )
        return alert_id

    # --- the tasks of the ranking ------------------------------------------------------------

    def _run(self) -> str:
        """Begin a run, with one chunk, by the deployed function that plans it."""
        self._query(
            "INSERT INTO product_metrics_daily (day, product_id, views) VALUES (:day, :id, 1)",
            day=SAMPLE_DAY,
            id=self._product["product_id"],
        )
        sample = json.loads((EVENTS / "direct" / "plan_chunks.json").read_text(encoding="utf-8"))
        execution = f"{sample['execution']}-{secrets.token_hex(6)}"
        planned = self._task("PlanChunksFunction", {**sample, "execution": execution})
        return str(planned["run_id"])

    def _ranked_run(self) -> str:
        run_id = self._run()
        sample = json.loads((EVENTS / "direct" / "rank_chunk.json").read_text(encoding="utf-8"))
        self._task("RankChunkFunction", {**sample, "run_id": run_id})
        return run_id

    def _task(self, logical_id: str, event: Json) -> Json:
        """Let a deployed function do a task. Raises LocalError where it fails."""
        deployed = client("cloudformation", self._running).describe_stack_resource(
            StackName=STACK, LogicalResourceId=logical_id
        )
        name = deployed["StackResourceDetail"]["PhysicalResourceId"]
        answer = client("lambda", self._running).invoke(
            FunctionName=name, Payload=json.dumps(event)
        )
        done: Json = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise LocalError(f"{logical_id} failed: {done}")
        return done

    def _query(self, sql: str, **values: Any) -> list[list[Any]]:
        url = urlsplit(self._running["DATABASE_URL"])
        with closing(
            pg8000.native.Connection(
                url.username or "",
                password=url.password,
                host=url.hostname or "",
                port=url.port or 5432,
                database=url.path.lstrip("/"),
            )
        ) as connection:
            return list(connection.run(sql, **values) or [])


def client(service: str, running: Mapping[str, str]) -> Any:
    """Return a boto3 client of the emulator that runs here."""
    return boto3.client(  # type: ignore[call-overload]  # stubs want a literal
        service,
        endpoint_url=running["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - the emulator asks for one
        config=Config(retries={"total_max_attempts": 1}, read_timeout=330),  # a function's most
    )


def _at(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _a_key() -> str:
    return secrets.token_hex(16)


def _an_address() -> Json:
    sample = json.loads((EVENTS / "http" / "add_address.json").read_text(encoding="utf-8"))
    address: Json = json.loads(sample["body"])
    return address
