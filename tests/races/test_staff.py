"""Staff change staff, and machines use keys, at once: the rules hold exactly."""

import time
from collections import Counter
from functools import partial

import pytest

from commerce.shared.scopes import Scope
from commerce.user.api_keys.statements import AT_ONCE, PER_SECOND
from tests.support.lambda_calls import Answer, call
from tests.support.orders import outcome
from tests.support.sessions import an_account, me, refresh
from tests.support.shop import an_admin, rows
from tests.support.staff import (
    a_key_with,
    by_key,
    revoke_key,
    revoke_scopes,
    set_scopes,
    signed_in,
    suspend,
    unknown_id,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")


def admins() -> int:
    [row] = rows("SELECT count(*) AS n FROM user_account WHERE 'admin' = ANY(scopes)")
    return int(row.n)


def test_admins_who_revoke_each_other_at_once_leave_an_admin(own_shop: str) -> None:
    for _ in range(5):
        people = [signed_in(Scope.ADMIN) for _ in range(6)]
        others = [*people[1:], people[0]]
        answers = run_concurrently(
            [
                partial(revoke_scopes, other.user_id, token=token)
                for (_, token), (other, _) in zip(people, others, strict=True)
            ]
        )
        assert {outcome(each) for each in answers} <= {"204", "SESSION_ENDED"}
        assert admins() == 6 - Counter(map(outcome, answers))["204"] >= 1
        rows("UPDATE user_account SET scopes = '{}' RETURNING id")


def test_a_bootstrap_token_is_used_once_by_many_at_once(
    own_shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [an_account() for _ in range(24)]
    monkeypatch.setenv("ENVIRONMENT", "production")
    answers = run_concurrently([partial(set_scopes, each.user_id, "admin") for each in accounts])
    assert Counter(map(outcome, answers)) == {"200": 1, "BOOTSTRAP_USED": 23}
    assert admins() == 1
    [used] = rows("SELECT is_used FROM bootstrap_use")
    assert used.is_used
    rows("UPDATE user_account SET scopes = '{}' RETURNING id")
    assert outcome(set_scopes(accounts[0].user_id, "admin")) == "BOOTSTRAP_USED"
    assert admins() == 0


def test_the_bootstrap_token_is_not_used_up_by_what_is_refused(
    own_shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = an_account()
    monkeypatch.setenv("ENVIRONMENT", "production")
    operator = an_admin()
    grant = partial(set_scopes, token=operator.token)
    assert outcome(grant(unknown_id(), "admin")) == "USER_NOT_FOUND"
    assert grant(account.user_id, "nothing").status == 422
    assert rows("SELECT FROM bootstrap_use") == []
    assert outcome(grant(account.user_id, "admin")) == "200"
    token = str(account.tokens()["access_token"])
    assert outcome(set_scopes(an_account().user_id, "stock", token=token)) == "200"
    sql = "SELECT outcome, code FROM staff_act WHERE by = $1 ORDER BY id"
    acts = rows(sql, f"admin:{operator.user_id}")
    assert [tuple(each) for each in acts] == [
        ("REFUSED", "USER_NOT_FOUND"), ("REFUSED", "VALIDATION_FAILED"), ("DONE", None),
    ]  # fmt: skip


def test_a_shop_that_has_an_admin_takes_no_bootstrap_token(
    own_shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in(Scope.ADMIN)
    account = an_account()
    monkeypatch.setenv("ENVIRONMENT", "production")
    assert outcome(set_scopes(account.user_id, "admin")) == "BOOTSTRAP_USED"
    assert (admins(), rows("SELECT FROM bootstrap_use")) == (1, [])


def test_in_development_an_operators_token_is_used_as_often_as_one_likes(own_shop: str) -> None:
    for _ in range(2):
        assert outcome(set_scopes(an_account().user_id, "admin")) == "200"
    assert rows("SELECT FROM bootstrap_use") == []


def test_admins_who_step_down_at_once_leave_an_admin(own_shop: str) -> None:
    people = [signed_in(Scope.ADMIN) for _ in range(8)]
    answers = run_concurrently(
        [partial(revoke_scopes, account.user_id, token=token) for account, token in people]
    )
    assert Counter(map(outcome, answers)) == {"204": 7, "LAST_ADMIN": 1}
    assert admins() == 1


def test_admins_who_suspend_each_other_at_once_leave_one_who_can_sign_in(own_shop: str) -> None:
    people = [signed_in(Scope.ADMIN) for _ in range(6)]
    others = [*people[1:], people[0]]
    answers = run_concurrently(
        [
            partial(suspend, other.user_id, token=token)
            for (_, token), (other, _) in zip(people, others, strict=True)
        ]
    )
    assert {outcome(each) for each in answers} <= {"200", "SESSION_ENDED"}
    assert "201" in {outcome(account.sign_in()) for account, _ in people}


def test_no_session_outlives_a_suspension_however_many_sign_in_meanwhile() -> None:
    for _ in range(3):
        account, _ = signed_in()
        opened = account.tokens()
        answers = run_concurrently(
            [
                *[partial(account.sign_in)] * 12,
                *[partial(refresh, opened["refresh_token"])] * 4,
                partial(suspend, account.user_id),
            ]
        )
        sql = "SELECT count(*) AS n FROM user_session WHERE user_id = $1"
        assert rows(sql, account.user_id)[0].n == 0
        for answer in answers:
            if answer.status in (200, 201) and "access_token" in answer.json:
                assert outcome(me(answer.json["access_token"])) == "SESSION_ENDED"


def test_grants_at_once_end_with_one_of_them_and_its_epoch() -> None:
    account, _ = signed_in()
    wanted = [["stock"], ["coupons"], ["drops", "ops"], ["refunds"]]
    answers = run_concurrently([partial(set_scopes, account.user_id, *each) for each in wanted])
    assert {outcome(each) for each in answers} == {"200"}
    [row] = rows("SELECT scopes, epoch FROM user_account WHERE id = $1", account.user_id)
    assert (list(row.scopes) in wanted, row.epoch) == (True, len(wanted))


def knock(secret: str) -> Answer:
    path = f"/admin/products/{unknown_id()}/stock"
    return call("product/get_stock", "GET", path, headers=by_key(secret))


def test_a_key_is_let_in_at_its_rate_however_many_use_it() -> None:
    made = a_key_with("stock")
    start = time.monotonic()
    answers = run_concurrently([partial(_knock_often, made["key"], 40) for _ in range(8)])
    seconds = time.monotonic() - start
    counted = sum(answers, Counter())
    assert counted.keys() == {"PRODUCT_NOT_FOUND", "TOO_MANY_REQUESTS"}
    assert AT_ONCE <= counted["PRODUCT_NOT_FOUND"] <= AT_ONCE + seconds * PER_SECOND + 1


def _knock_often(secret: str, times: int) -> Counter[str]:
    return Counter(outcome(knock(secret)) for _ in range(times))


def test_no_request_that_begins_after_a_revocation_is_let_in() -> None:
    made = a_key_with("stock")
    revoked: list[float] = []

    def revoke() -> list[tuple[float, str]]:
        assert revoke_key(made["api_key_id"]).status == 204
        revoked.append(time.monotonic())
        return []

    def use() -> list[tuple[float, str]]:
        return [(time.monotonic(), outcome(knock(made["key"]))) for _ in range(12)]

    calls = [use] * 6 + [revoke]
    found = [each for several in run_concurrently(calls) for each in several]
    later = {said for begun, said in found if begun > revoked[0]}
    assert later <= {"INVALID_API_KEY"}
    assert outcome(knock(made["key"])) == "INVALID_API_KEY"
