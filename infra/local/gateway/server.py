"""The gateway's doors: the one for shops (/api), and the one for those who test them."""

import re
import time
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Any

from infra.local.gateway.behaviour import Behaviour, Settlement, Subject
from infra.local.gateway.system import Card, Gateway, GatewayRefused, PaymentRequest, Transaction
from infra.local.json_server import (
    Answer,
    Json,
    JsonHandler,
    JsonServer,
    Refused,
    Route,
    is_integer,
)

CARD_TYPES = ("SAMSUNG", "KB", "HYUNDAI")
CARD_NO = re.compile(r"\d{4}-\d{4}-\d{4}-(\d{4})", re.ASCII)
ORDER_ID_LENGTH = 6
CLIENT_CHECK_SECONDS = 0.2
PAYMENTS = "/api/v1/payments"
TOKEN_PAGE = Path(__file__).with_name("token.html")
OF_PAYMENT = re.compile(PAYMENTS + r"/([^/]+)(/refunds)?")


class GatewayServer(JsonServer):
    """The gateway on a loopback port."""

    def __init__(self, gateway: Gateway, port: int) -> None:
        super().__init__(GatewayHandler, port)
        self.gateway = gateway


class GatewayHandler(JsonHandler):
    """One connection to the gateway."""

    server: GatewayServer
    server_version = "gateway-simulator"
    _generation = 0

    def route(self, method: str, path: str) -> Route | None:
        """Return what answers this path."""
        if found := OF_PAYMENT.fullmatch(path):
            key, refund = found.groups()
            of_payment = {"POST": self._refund} if refund else {"GET": self._show_payment}
            route = of_payment.get(method)
            return (lambda: route(key)) if route else None
        return {
            ("GET", "/"): lambda: (HTTPStatus.OK, TOKEN_PAGE.read_text(encoding="utf-8")),
            ("POST", "/api/v1/tokens"): self._make_token,
            ("POST", PAYMENTS): self._take_payment,
            ("GET", PAYMENTS): self._show_order,
            ("GET", "/behaviour"): self._show_behaviour,
            ("PUT", "/behaviour"): self._change_behaviour,
            ("GET", "/transactions"): self._show_transactions,
            ("GET", "/requests"): self._show_requests,
            ("POST", "/reset"): self._reset,
            ("GET", "/health"): lambda: (HTTPStatus.OK, {"status": "ok"}),
        }.get((method, path))

    def refusal(self, refusal: Refused) -> Json:
        """Return the body that tells of a refusal: for shops in their envelope."""
        if not self.path.startswith("/api/"):
            return super().refusal(refusal)
        code = refusal.code if isinstance(refusal, GatewayRefused) else refusal.status.name
        return {
            "meta": {"result": "FAIL", "errorCode": code, "message": str(refusal)},
            "data": None,
        }

    def _take_payment(self) -> Answer | None:
        """Meet a request for a payment; None where no answer is to be given."""
        gateway = self.server.gateway
        body = self.json_body()
        try:
            request = self._payment_request(body)
        except Refused:
            self._record(None, "refused")
            raise
        behaviour = self._met("payments", request.order_id)
        if behaviour is None:
            return None
        draw = gateway.draw(request.order_id)
        time.sleep(draw.request_seconds * gateway.time_scale)
        if behaviour.mode == "default" and draw.is_error:
            self._fail(request.order_id)
        settlement = Settlement.of(behaviour, draw, gateway.time_scale)
        transaction = gateway.take(request, settlement, body.get("token"))
        if behaviour.mode == "charge_then_hang":
            self._hang(request.order_id, "taken, hung")
            return None
        self._record(request.order_id, "taken")
        if behaviour.mode == "slow":
            time.sleep(behaviour.seconds)
        return _success({"transactionKey": transaction.transaction_key, "status": "PENDING"})

    def _make_token(self) -> Answer:
        """Make a token of a card, which a browser asks for; it is never refused or slow."""
        body = self.json_body()
        return _success({"token": self.server.gateway.make_token(_card(body))})

    def _show_payment(self, key: str) -> Answer | None:
        return self._about("queries", key, lambda transaction: transaction.shown)

    def _refund(self, key: str) -> Answer | None:
        body = self.json_body()
        refund_key, amount = body.get("refundKey"), body.get("amount")
        refund = self.server.gateway.refund
        return self._about(
            "refunds", key, lambda transaction: refund(transaction, refund_key, amount)
        )

    def _about(
        self, subject: Subject, key: str, answer: Callable[[Transaction], Json]
    ) -> Answer | None:
        """Answer about one payment, as the behaviour says."""
        found = self.server.gateway.find(key, self.headers.get("X-USER-ID"))
        order_id = found.request.order_id if found else None
        if self._met(subject, order_id) is None:
            return None
        if found is None:
            self._record(None, "not found")
            raise _not_found(f"there is no payment {key}")
        try:
            shown = answer(found)
        except Refused:
            self._record(order_id, "refused")
            raise
        self._record(order_id, "answered")
        return _success(shown)

    def _show_order(self) -> Answer | None:
        order_id = self.asked_for("orderId")
        if not order_id:
            raise _bad_request("orderId is missing")
        if self._met("queries", order_id) is None:
            return None
        found = self.server.gateway.transactions(order_id, self.headers.get("X-USER-ID"))
        self._record(order_id, "answered" if found else "not found")
        if not found:
            raise _not_found(f"there is no payment for order {order_id}")
        return _success({"orderId": order_id, "transactions": [each.brief for each in found]})

    def _met(self, subject: Subject, order_id: str | None) -> Behaviour | None:
        """Refuse, fail or hang where it is told to; None: no answer is to be given."""
        behaviour, self._generation = self.server.gateway.next_behaviour(subject)
        if behaviour.mode == "refuse":
            self._record(order_id, "refused")
            raise GatewayRefused(HTTPStatus.BAD_REQUEST, "INVALID_CARD", "the card is not accepted")
        if behaviour.mode == "error":
            self._fail(order_id)
        if behaviour.mode == "hang":
            self._hang(order_id, "hung")
            return None
        if behaviour.mode == "slow" and subject != "payments":
            time.sleep(behaviour.seconds)
        return behaviour

    def _fail(self, order_id: str | None) -> None:
        self._record(order_id, "failed")
        raise GatewayRefused(
            HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "try again: nothing was stored"
        )

    def _hang(self, order_id: str | None, outcome: str) -> None:
        """Hold the caller until they give up or the behaviour is changed."""
        self._record(order_id, outcome)
        gateway = self.server.gateway
        while gateway.hangs(self._generation, CLIENT_CHECK_SECONDS) and self.client_waits():
            pass

    def _record(self, order_id: str | None, outcome: str) -> None:
        self.server.gateway.record_request(self.command, self.path, order_id, outcome)

    def _payment_request(self, body: Json) -> PaymentRequest:
        user_id = self.headers.get("X-USER-ID")
        if not user_id:
            raise _bad_request("the header X-USER-ID is missing")
        order_id, amount = body.get("orderId"), body.get("amount")
        if not isinstance(order_id, str) or len(order_id) < ORDER_ID_LENGTH:
            raise _bad_request(f"orderId must be a text of {ORDER_ID_LENGTH} characters or more")
        card = self._card_of(body)
        if not isinstance(amount, int) or not is_integer(amount) or amount <= 0:
            raise _bad_request("amount must be a whole number above 0")
        callback_url = body.get("callbackUrl")
        if not isinstance(callback_url, str) or not re.match(r"https?://.", callback_url):
            raise _bad_request("callbackUrl must be an http URL")
        return PaymentRequest(user_id, order_id, *card, amount, callback_url)

    def _card_of(self, body: Json) -> Card:
        if "token" not in body:
            return _card(body)
        if "cardNo" in body:
            raise _bad_request("either token or cardNo is wanted")
        card = self.server.gateway.card_of(body["token"])
        if card[0] != body.get("cardType"):
            raise _bad_request("the token is of another cardType")
        return card

    def _show_behaviour(self) -> Answer:
        return HTTPStatus.OK, asdict(self.server.gateway.behaviour)

    def _change_behaviour(self) -> Answer:
        self.server.gateway.change_behaviour(Behaviour.parse(self.json_body()))
        return self._show_behaviour()

    def _show_transactions(self) -> Answer:
        found = self.server.gateway.transactions(self.asked_for("orderId"))
        return HTTPStatus.OK, {"items": [each.known for each in found]}

    def _show_requests(self) -> Answer:
        return HTTPStatus.OK, self.server.gateway.requests(self.asked_for("orderId"))

    def _reset(self) -> Answer:
        self.server.gateway.reset()
        return HTTPStatus.OK, {"status": "reset"}


def _card(body: Json) -> Card:
    """Return the type and the masked number of a card that is named in full."""
    card_type = body.get("cardType")
    if card_type not in CARD_TYPES:
        raise _bad_request(f"cardType must be one of {', '.join(CARD_TYPES)}")
    card_no = CARD_NO.fullmatch(str(body.get("cardNo")))
    if card_no is None:
        raise _bad_request("cardNo must be dddd-dddd-dddd-dddd")
    return card_type, f"****-****-****-{card_no.group(1)}"


def _success(data: dict[str, Any]) -> Answer:
    return HTTPStatus.OK, {
        "meta": {"result": "SUCCESS", "errorCode": None, "message": None},
        "data": data,
    }


def _bad_request(detail: str) -> GatewayRefused:
    return GatewayRefused(HTTPStatus.BAD_REQUEST, "BAD_REQUEST", detail)


def _not_found(detail: str) -> GatewayRefused:
    return GatewayRefused(HTTPStatus.NOT_FOUND, "NOT_FOUND", detail)
