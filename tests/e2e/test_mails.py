"""Mails: from what happens through outbox, bus and queue to the mail, and back."""

import re
import secrets

from tests.e2e.caller import a_registration
from tests.e2e.eventually import eventually
from tests.e2e.mailbox import bounce, mails_to
from tests.e2e.shop import Shop

RESET_IN_KOREAN = "비밀번호를 다시 설정해 주세요"


def test_a_mailed_token_replaces_a_forgotten_password(shop: Shop) -> None:
    user = a_registration()
    email, new_password = user["email"], f"over the cliff {secrets.token_hex(4)}"
    shop.anyone.send("POST", "/users", user).require(201)
    korean = {"Accept-Language": "ko-KR,ko;q=0.9"}
    request = {"email": email.upper()}
    shop.anyone.send("POST", "/password-resets", request, headers=korean).require(202)

    [mail] = eventually(lambda: mails_to(shop, email, RESET_IN_KOREAN))
    [token] = re.findall(r"<code>(\S+)</code>", mail["BodyHtml"])

    assert f"\n{token}\n" in mail["BodyText"]
    body = {"token": token, "new_password": new_password}
    assert shop.anyone.send("POST", "/password-resets/confirmation", body).status == 204
    shop.anyone.send("POST", "/password-resets/confirmation", body).require_problem(410)
    shop.anyone.open_session(user["login_id"], user["password"]).require_problem(401)
    shop.anyone.open_session(user["login_id"], new_password).require(201)
    assert len(mails_to(shop, email, RESET_IN_KOREAN)) == 1


def test_a_new_user_is_mailed_a_verification_and_a_buyer_their_order(shop: Shop) -> None:
    user = a_registration()
    buyer = shop.new_buyer(points=5_000)
    shop.anyone.send("POST", "/users", user).require(201)
    eventually(lambda: mails_to(shop, user["email"], "Confirm your e-mail address"))

    order_id = buyer.place_order((shop.new_product(price=1500), 2))

    email = buyer.api.me().require(200)["email"]
    [mail] = eventually(lambda: mails_to(shop, email, "Your order is confirmed"))
    assert order_id in mail["BodyText"]
    assert "3,000 KRW" in mail["BodyText"]


def test_an_address_that_bounces_is_mailed_no_more(shop: Shop) -> None:
    """SES' mailbox simulator takes a mail to this address, and reports that it bounced."""
    registration = a_registration()
    user = registration | {"email": f"bounce+{registration['login_id']}@simulator.amazonses.com"}
    user_id = shop.anyone.send("POST", "/users", user).require(201)["user_id"]
    if shop.stack.is_on_free_localstack:  # its SES has no mailbox simulator
        bounce(shop, user["email"])

    def suppression() -> str | None:
        seen = shop.admin.send("GET", f"/admin/users/{user_id}").require(200)
        found: str | None = seen["mail_suppression"]
        return found

    assert eventually(suppression) == "BOUNCE"
    before = len(mails_to(shop, user["email"]))
    shop.anyone.send("POST", "/password-resets", {"email": user["email"]}).require(202)
    shop.stack.wait_until_quiet()
    assert len(mails_to(shop, user["email"])) == before
