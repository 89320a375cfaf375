"""Sessions: refreshed in a chain, listed, ended, and checked by everything that needs one."""

import json
import secrets
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest

from commerce.app.transactions import in_transaction
from commerce.point import ChargePoints
from commerce.runtime import tokens
from commerce.shared import clock
from commerce.shared.scopes import Scope
from commerce.user import passwords
from commerce.user.sessions.model import LIFETIME, MAX_SESSIONS
from commerce.user.staff import StaffFacade
from infra.template import ROOT
from tests.support.lambda_calls import Answer, call, function, lambda_context
from tests.support.orders import place
from tests.support.sessions import (
    an_account,
    change_password,
    end_session,
    end_sessions,
    me,
    refresh,
    sessions_of,
)
from tests.support.shop import Person, a_product, balance_of, rows, stock_of
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

NEW_PASSWORD = "a coyote keeps trying"
ENDED = (401, "SESSION_ENDED")
FUNCTIONS, SAMPLES = ROOT / "functions", ROOT / "events" / "http"


class StoppedClock:
    """Time that moves when it is told to; behind the real one, which tokens are verified by."""

    def __init__(self) -> None:
        self.time = clock.now() - timedelta(minutes=5)

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    found = StoppedClock()
    monkeypatch.setattr(clock, "now", found.now)
    return found


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 has its own tests; here it would only be slow."""
    monkeypatch.setattr(passwords, "hashed", lambda password: f"hash of {password}")
    monkeypatch.setattr(passwords, "is_right", lambda password, kept: kept == f"hash of {password}")


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def session_of(access_token: str) -> tuple[str, int]:
    told = jwt.decode(access_token, options={"verify_signature": False})
    return told["session"], told["epoch"]


def generations(user_id: UUID) -> list[int]:
    sql = "SELECT generation FROM user_session WHERE user_id = $1 ORDER BY created_at"
    return [row.generation for row in rows(sql, user_id)]


# --- refresh --------------------------------------------------------------------------------------


def test_a_refresh_gives_the_next_pair_of_tokens() -> None:
    opened = an_account().tokens()
    assert opened["refresh_expires_in"] == LIFETIME.total_seconds() == 30 * 24 * 3600
    answer = refresh(opened["refresh_token"])
    assert answer.status == 200
    assert set(answer.json) == set(opened) - {"device_token"}
    assert answer.json["refresh_token"] != opened["refresh_token"]
    assert session_of(answer.json["access_token"]) == session_of(opened["access_token"])
    assert me(answer.json["access_token"]).status == 200
    assert refresh(answer.json["refresh_token"]).status == 200


def test_a_refresh_repeated_within_ten_seconds_gets_usable_tokens(stopped: StoppedClock) -> None:
    first = an_account().tokens()["refresh_token"]
    answers = [refresh(first)]
    stopped.time += timedelta(seconds=10)
    answers.append(refresh(first))
    assert [answer.status for answer in answers] == [200, 200]
    assert all(me(answer.json["access_token"]).status == 200 for answer in answers)
    assert all(refresh(answer.json["refresh_token"]).status == 200 for answer in answers)


def test_a_rotated_token_used_later_ends_the_whole_session(stopped: StoppedClock) -> None:
    account = an_account()
    stolen, other = account.tokens(), account.tokens()
    taken = refresh(stolen["refresh_token"]).json
    stopped.time += timedelta(seconds=10.1)
    assert refused(refresh(stolen["refresh_token"])) == ENDED
    assert refused(refresh(taken["refresh_token"])) == ENDED
    assert refused(me(taken["access_token"])) == ENDED
    assert me(other["access_token"]).status == 200
    assert generations(account.user_id) == [0]


def test_a_token_older_than_the_last_one_ends_the_session_at_once() -> None:
    account = an_account()
    first = account.tokens()["refresh_token"]
    assert refresh(refresh(first).json["refresh_token"]).status == 200
    assert refused(refresh(first)) == ENDED
    assert generations(account.user_id) == []


def test_a_session_that_is_not_refreshed_ends_after_thirty_days(stopped: StoppedClock) -> None:
    account = an_account()
    stopped.time -= LIFETIME + timedelta(minutes=1)
    old = account.tokens()
    stopped.time += LIFETIME + timedelta(minutes=1)
    assert refused(refresh(old["refresh_token"])) == ENDED
    assert sessions_of(account.tokens()["access_token"]).json["items"][1:] == []


@pytest.mark.parametrize("kind", ["access_token", "device_token"])
def test_another_kind_of_token_refreshes_nothing(kind: str) -> None:
    opened = an_account().tokens()
    assert refused(refresh(opened[kind])) == ENDED
    assert refused(refresh(opened["refresh_token"][:-4] + "AAAA")) == ENDED
    assert refused(refresh("")) == ENDED
    assert refused(me(opened["refresh_token"])) == (401, "INVALID_TOKEN")
    assert refresh(opened["refresh_token"]).status == 200


@pytest.mark.usefixtures("stopped")
def test_a_hundred_refreshes_of_one_token_at_once_leave_one_good_session() -> None:
    account = an_account()
    first = account.tokens()["refresh_token"]
    answers = run_concurrently([partial(refresh, first)] * 100, deadline_seconds=300)
    assert [answer.status for answer in answers] == [200] * 100
    assert generations(account.user_id) == [1]
    followers = {session_of(answer.json["access_token"]) for answer in answers}
    assert len(followers) == 1
    assert me(answers[0].json["access_token"]).status == 200
    assert refresh(answers[-1].json["refresh_token"]).status == 200
    assert generations(account.user_id) == [2]


def test_a_hundred_uses_of_a_rotated_token_at_once_end_the_session(
    stopped: StoppedClock,
) -> None:
    account = an_account()
    first = account.tokens()["refresh_token"]
    last = refresh(first).json
    stopped.time += timedelta(minutes=1)
    answers = run_concurrently([partial(refresh, first)] * 100, deadline_seconds=300)
    assert {refused(answer) for answer in answers} == {ENDED}
    assert refused(refresh(last["refresh_token"])) == ENDED
    assert generations(account.user_id) == []


# --- list and end ---------------------------------------------------------------------------------


def test_a_user_sees_their_own_sessions_only() -> None:
    account = an_account()
    first, second = account.tokens(), account.tokens()
    an_account().tokens()
    found = sessions_of(first["access_token"])
    assert found.status == 200
    assert found.json["next_cursor"] is None
    shown = [(each["session_id"], each["is_current"]) for each in found.json["items"]]
    assert shown == [
        (session_of(second["access_token"])[0], False),
        (session_of(first["access_token"])[0], True),
    ]
    assert set(found.json["items"][0]) == {
        "session_id", "user_agent", "created_at", "last_used_at", "expires_at", "is_current",
    }  # fmt: skip


def test_a_user_ends_the_current_another_or_all_sessions() -> None:
    account = an_account()
    first, second, third, fourth = (account.tokens() for _ in range(4))
    assert end_session(first["access_token"], "current").status == 204
    assert refused(me(first["access_token"])) == ENDED
    assert refused(refresh(first["refresh_token"])) == ENDED
    other = session_of(third["access_token"])[0]
    assert end_session(second["access_token"], other).status == 204
    assert refused(me(third["access_token"])) == ENDED
    assert end_sessions(fourth["access_token"]).status == 204
    for each in (second, fourth):
        assert refused(me(each["access_token"])) == ENDED
        assert refused(refresh(each["refresh_token"])) == ENDED
    assert account.sign_in().status == 201


def test_another_users_session_cannot_be_ended() -> None:
    mine, theirs = an_account().tokens(), an_account().tokens()
    foreign = session_of(theirs["access_token"])[0]
    for session_id in (foreign, str(uuid4()), "none"):
        answer = end_session(mine["access_token"], session_id)
        assert refused(answer) == (404, "SESSION_NOT_FOUND")
    assert me(theirs["access_token"]).status == 200


def test_a_user_has_at_most_fifty_sessions() -> None:
    account = an_account()
    opened = [account.tokens() for _ in range(MAX_SESSIONS + 1)]
    assert len(sessions_of(opened[-1]["access_token"]).json["items"]) == MAX_SESSIONS
    assert refused(me(opened[0]["access_token"])) == ENDED
    assert me(opened[1]["access_token"]).status == 200


# --- what follows from an end ---------------------------------------------------------------------


def functions_with_access_rules() -> list[str]:
    """The functions that know their caller, as functions/ has them."""
    return [
        str(file.relative_to(FUNCTIONS).with_suffix(""))
        for file in sorted(FUNCTIONS.glob("*/*.py"))
        if "access=" in file.read_text(encoding="utf-8")
    ]


def test_an_order_of_an_ended_session_changes_nothing() -> None:
    opened = (account := an_account()).tokens()
    in_transaction(
        lambda shop: shop.points.charge(ChargePoints(amount=5_000), user_id=account.user_id)
    )
    product = a_product(stock=5, price=1_000)
    buyer = Person(account.user_id, opened["access_token"])
    assert place(buyer, (product, 1)).status == 201
    end_session(opened["access_token"], "current")
    assert refused(place(buyer, (product, 1))) == ENDED
    assert (stock_of(product), balance_of(account.user_id)) == (4, 4_000)


def test_an_ended_session_gets_no_replayed_answer() -> None:
    opened = (account := an_account()).tokens()
    body, key = {"amount": 1_000}, str(uuid4())
    charge = partial(
        call, "point/charge_points", "POST", "/users/me/points/charges",
        body=body, key=key, token=opened["access_token"],
    )  # fmt: skip
    assert charge().status == 201
    assert charge().headers["idempotency-replayed"] == "true"
    end_session(opened["access_token"], "current")
    assert refused(charge()) == ENDED
    assert balance_of(account.user_id) == 1_000


def test_revoking_ends_an_admins_sessions_at_once() -> None:
    account = an_account(Scope.ADMIN)
    opened = account.tokens()
    brand = {"name": f"Acme {secrets.token_hex(4)}", "description": ""}
    register = partial(
        call, "brand/register_brand", "POST", "/admin/brands", token=opened["access_token"],
        body=brand,
    )  # fmt: skip
    assert register().status == 201
    in_transaction(StaffFacade.revoke_by_login, account.login_id, (), by="test")
    assert refused(register()) == ENDED
    assert refused(refresh(opened["refresh_token"])) == ENDED
    assert len(rows("SELECT id FROM brand WHERE name = $1", brand["name"])) == 1
    again = account.tokens()
    assert tokens.verify(again["access_token"]).scopes == frozenset()
    assert session_of(again["access_token"])[1] == 1


def test_granting_outdates_access_tokens_and_keeps_the_session() -> None:
    account = an_account()
    opened = account.tokens()
    in_transaction(StaffFacade.grant_by_login, account.login_id, [Scope.ADMIN], by="test")
    assert refused(me(opened["access_token"])) == (401, "TOKEN_EXPIRED")
    answer = refresh(opened["refresh_token"])
    assert answer.status == 200
    assert tokens.verify(answer.json["access_token"]).scopes == {"admin"}
    assert me(answer.json["access_token"]).status == 200


def test_a_changed_password_ends_all_other_sessions() -> None:
    account = an_account()
    mine, other = account.tokens(), account.tokens()
    assert change_password(mine["access_token"], NEW_PASSWORD).status == 204
    assert me(mine["access_token"]).status == 200
    assert refused(me(other["access_token"])) == ENDED
    assert refused(refresh(other["refresh_token"])) == ENDED
    answer = refresh(mine["refresh_token"])
    assert session_of(answer.json["access_token"])[1] == 1
    assert refused(account.sign_in()) == (401, "BAD_CREDENTIALS")
    assert account.sign_in(NEW_PASSWORD).status == 201


def test_a_weak_new_password_changes_nothing() -> None:
    account = an_account()
    mine, other = account.tokens(), account.tokens()
    for weak in ("1234567890", f"{account.login_id}!!"):
        answer = change_password(mine["access_token"], weak)
        assert refused(answer) == (422, "WEAK_PASSWORD")
    assert me(other["access_token"]).status == 200
    assert account.sign_in().status == 201


def test_a_wrong_current_password_changes_nothing_and_is_counted(stopped: StoppedClock) -> None:
    account = an_account()
    mine, other = account.tokens(), account.tokens()
    for _ in range(5):
        answer = change_password(mine["access_token"], NEW_PASSWORD, current="a wrong guess")
        assert refused(answer) == (401, "BAD_CREDENTIALS")
    blocked = change_password(mine["access_token"], NEW_PASSWORD)
    assert refused(blocked) == (429, "TOO_MANY_ATTEMPTS")
    assert blocked.headers["retry-after"] == "1"
    assert account.sign_in().status == 201
    assert me(other["access_token"]).status == 200
    stopped.time += timedelta(seconds=1)
    assert change_password(mine["access_token"], NEW_PASSWORD).status == 204


@pytest.mark.usefixtures("stopped")
def test_of_many_simultaneous_password_guesses_five_are_answered() -> None:
    opened = an_account().tokens()
    guess = partial(change_password, opened["access_token"], NEW_PASSWORD, current="a wrong guess")
    answers = run_concurrently([guess] * 12)
    assert sorted(answer.status for answer in answers) == [401] * 5 + [429] * 7


def test_the_old_password_opens_no_session_once_it_was_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the old password is verified, the owner changes it: the sign-in fails."""
    account = an_account()
    mine = account.tokens()
    verify = passwords.is_right
    changed: list[bool] = []

    def change_meanwhile(password: str, kept: str | None) -> bool:
        found = verify(password, kept)
        if not changed:
            changed.append(True)
            rows(
                "UPDATE user_account SET password_hash = $2, epoch = epoch + 1"
                " WHERE id = $1 RETURNING id",
                account.user_id,
                f"hash of {NEW_PASSWORD}",
            )
        return found

    monkeypatch.setattr(passwords, "is_right", change_meanwhile)
    assert refused(account.sign_in()) == (401, "BAD_CREDENTIALS")
    assert len(generations(account.user_id)) == 1
    assert me(mine["access_token"]).status == 200


def test_sign_ins_refreshes_and_changes_at_once_leave_good_sessions_only() -> None:
    """In any order: sessions that are alive afterwards were opened with the present password."""
    account = an_account()
    mine = account.tokens()
    others = [account.tokens()["refresh_token"] for _ in range(6)]
    calls: list[Any] = [
        *(partial(refresh, each) for each in others),
        *(account.sign_in for _ in range(6)),
        partial(change_password, mine["access_token"], NEW_PASSWORD),
    ]
    *answers, changed = run_concurrently(calls)
    assert changed.status == 204
    assert {answer.status for answer in answers} <= {200, 201, 401}
    alive = rows("SELECT id FROM user_session WHERE user_id = $1", account.user_id)
    assert [str(row.id) for row in alive] == [session_of(mine["access_token"])[0]]


def test_every_function_with_access_rules_refuses_an_ended_session() -> None:
    """Each is sent its sample, by an admin whose session has ended."""
    opened = an_account(Scope.ADMIN).tokens()
    end_sessions(opened["access_token"])
    header = f"Bearer {opened['access_token']}"
    answers = {}
    for name in functions_with_access_rules():
        event = json.loads((SAMPLES / f"{Path(name).name}.json").read_text(encoding="utf-8"))
        event["headers"]["Authorization"] = header
        event["multiValueHeaders"]["Authorization"] = [header]
        answer = function(name)(event, lambda_context())
        answers[name] = answer["statusCode"], json.loads(answer["body"] or "{}").get("code")
    assert len(answers) > 35
    assert {name: found for name, found in answers.items() if found != ENDED} == {}
