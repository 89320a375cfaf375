"""A forgotten password: from the request through outbox, bus and queue to the mail, and back."""

import re
import secrets

import urllib3

from tests.e2e.caller import a_registration
from tests.e2e.eventually import eventually
from tests.e2e.shop import Shop

MAIL_SECONDS = 60


def mails_to(shop: Shop, email: str) -> list[dict[str, str]]:
    """Return what the emulator's SES has sent to an address."""
    url = f"{shop.stack.addresses.aws_endpoint_url}/_ministack/ses/messages"
    accounts = urllib3.request("GET", url, retries=False, timeout=10).json()["messages"]
    return [mail for mails in accounts.values() for mail in mails if email in mail["To"]]


def test_a_mailed_token_replaces_a_forgotten_password(shop: Shop) -> None:
    user = a_registration()
    email, new_password = user["email"], f"over the cliff {secrets.token_hex(4)}"
    shop.anyone.send("POST", "/users", user).require(201)
    korean = {"Accept-Language": "ko-KR,ko;q=0.9"}
    request = {"email": email.upper()}
    shop.anyone.send("POST", "/password-resets", request, headers=korean).require(202)

    [mail] = eventually(lambda: mails_to(shop, email), MAIL_SECONDS)
    [token] = re.findall(r"<code>(\S+)</code>", mail["BodyHtml"])

    assert mail["Subject"] == "비밀번호를 다시 설정해 주세요"
    assert f"\n{token}\n" in mail["BodyText"]
    body = {"token": token, "new_password": new_password}
    assert shop.anyone.send("POST", "/password-resets/confirmation", body).status == 204
    shop.anyone.send("POST", "/password-resets/confirmation", body).require_problem(410)
    shop.anyone.open_session(user["login_id"], user["password"]).require_problem(401)
    shop.anyone.open_session(user["login_id"], new_password).require(201)
    assert len(mails_to(shop, email)) == 1
