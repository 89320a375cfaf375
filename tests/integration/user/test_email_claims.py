"""An e-mail address is one account's, however it is written and whoever asks for it at once."""

import importlib.util
import secrets
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from commerce.runtime.db.connection import Database
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock
from tests.support.backends import ROOT
from tests.support.lambda_calls import Answer, call
from tests.support.sessions import PASSWORD, Account, an_account, edit_me
from tests.support.shop import an_address as a_source_ip
from tests.support.shop import rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")

# The statement of the code before: it names no claim.
SIGN_UP = """
    INSERT INTO user_account (id, login_id, password_hash, name, email, birth_date, gender,
        scopes, epoch, version, created_at)
    VALUES ($1, $2, '$argon2id$', 'Wile', $3, '1949-09-17', 'OTHER', '{}', 0, 1, now())
"""


def an_address() -> str:
    return f"wile.{secrets.token_hex(6)}@example.com"


def sign_up(email: str, login_id: str = "") -> Answer:
    body = {
        "login_id": login_id or "U" + secrets.token_hex(4),
        "password": PASSWORD,
        "name": "Wile E. Coyote",
        "email": email,
        "birth_date": "1949-09-17",
        "gender": "OTHER",
    }
    return call("user/sign_up", "POST", "/users", body=body, source_ip=a_source_ip())


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def holders(*emails: str) -> list[UUID]:
    """The users who have claimed addresses that are written in small letters, in their order."""
    sql = "SELECT user_id FROM email_claim WHERE address = ANY ($1) ORDER BY address"
    return [row.user_id for row in rows(sql, list(emails))]


def token_of(account: Account) -> str:
    return str(account.tokens()["access_token"])


def email_of(account: Account) -> str:
    [row] = rows("SELECT email FROM user_account WHERE id = $1", account.user_id)
    return str(row.email)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{}@example.com", "{}@example.com"),
        ("{}@example.com", "{}@EXAMPLE.com"),
        ("wile.{}@example.com", "WILE.{}@example.com"),
        ("ren\u00e9.{}@example.com", "RENE\u0301.{}@example.com"),
        ("{}@b\u00fccher.example", "{}@xn--bcher-kva.example"),
    ],
)
def test_an_address_opens_one_account_however_it_is_written(first: str, second: str) -> None:
    unique, login_id = secrets.token_hex(6), "U" + secrets.token_hex(4)
    assert sign_up(first.format(unique)).status == 201
    assert refused(sign_up(second.format(unique), login_id)) == (409, "EMAIL_TAKEN")
    assert rows("SELECT id FROM user_account WHERE login_id = $1", login_id) == []
    assert sign_up(an_address(), login_id).status == 201


def test_a_taken_login_id_does_not_reveal_a_taken_address() -> None:
    email, login_id = an_address(), "U" + secrets.token_hex(4)
    assert sign_up(email, login_id).status == 201
    for each in (email, an_address()):
        assert refused(sign_up(each, login_id)) == (409, "LOGIN_ID_TAKEN")


def test_one_of_many_sign_ups_gets_the_address() -> None:
    email = an_address()
    wanted = [email.upper() if number % 2 else email for number in range(12)]
    answers = run_concurrently([partial(sign_up, each) for each in wanted])
    assert sorted(each.status for each in answers) == [201] + [409] * 11
    assert {each.json["code"] for each in answers if each.status == 409} == {"EMAIL_TAKEN"}
    [winner] = [UUID(each.json["user_id"]) for each in answers if each.status == 201]
    assert holders(email) == [winner]
    kept = rows("SELECT id FROM user_account WHERE lower(email) = $1", email)
    assert [row.id for row in kept] == [winner]


def test_an_edit_takes_a_free_address_and_frees_the_one_before() -> None:
    account, new = an_account(), an_address()
    before = email_of(account)
    assert edit_me(token_of(account), email=new).status == 200
    assert holders(new, before.lower()) == [account.user_id]
    assert refused(sign_up(new)) == (409, "EMAIL_TAKEN")
    assert sign_up(before).status == 201


def test_an_edit_to_anothers_address_changes_nothing() -> None:
    account, other = an_account(), an_account()
    before = email_of(account)
    answer = edit_me(token_of(account), name="Wile", email=email_of(other).upper())
    assert refused(answer) == (409, "EMAIL_TAKEN")
    [row] = rows("SELECT name, email, version FROM user_account WHERE id = $1", account.user_id)
    assert tuple(row) == ("Wile E. Coyote", before, 1)
    assert holders(before.lower()) == [account.user_id]


def test_ones_own_address_in_capitals_keeps_its_claim() -> None:
    account = an_account()
    before = email_of(account)
    assert edit_me(token_of(account), email=before.upper()).json["email"] == before.upper()
    assert holders(before.lower()) == [account.user_id]


def test_of_many_edits_and_sign_ups_one_gets_the_address() -> None:
    email, tokens = an_address(), [token_of(an_account()) for _ in range(6)]
    answers = run_concurrently(
        [
            *(partial(edit_me, each, email=email) for each in tokens),
            *(partial(sign_up, email) for _ in range(6)),
        ]
    )
    assert sorted(each.status for each in answers if each.status != 409) in ([200], [201])
    [winner] = [UUID(each.json["user_id"]) for each in answers if each.status != 409]
    assert holders(email) == [winner]


def test_two_who_swap_addresses_at_once_are_never_left_with_one_address() -> None:
    """Neither address is free, so at least one of them is refused, and nobody waits for ever."""
    for _ in range(5):
        one, other = an_account(), an_account()
        mine, theirs = email_of(one), email_of(other)
        answers = run_concurrently(
            [
                partial(edit_me, token_of(one), email=theirs),
                partial(edit_me, token_of(other), email=mine),
            ]
        )
        assert [refused(each) for each in answers if each.status != 200] == [
            (409, "EMAIL_TAKEN")
        ] * len(answers)
        assert (email_of(one), email_of(other)) == (mine, theirs)
        assert sorted(holders(mine.lower(), theirs.lower())) == sorted([one.user_id, other.user_id])


class CodeBefore:
    """The code of the release before."""

    def __init__(self, url: str) -> None:
        self._url = url

    def sign_up(self, email: str) -> UUID:
        """Open an account, with whatever address."""
        id_ = clock.new_id()
        with closing(Database(lambda: self._url)) as database:
            database.run([Query(SIGN_UP, [id_, "U" + secrets.token_hex(4), email])])
        return id_


@pytest.fixture
def before(own_shop: str) -> CodeBefore:
    return CodeBefore(own_shop)


@pytest.fixture
def claim_addresses(own_shop: str) -> Callable[[], None]:
    """The second step of the migration."""
    path = ROOT / "infra/migrations/claiming.py"
    spec = importlib.util.spec_from_file_location("claiming", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.CHUNK = 3  # type: ignore[attr-defined]
    found: Callable[[], None] = module.claim_addresses
    return found


def all_claims() -> dict[str, UUID]:
    return {row.address: row.user_id for row in rows("SELECT address, user_id FROM email_claim")}


def as_before_the_migration() -> None:
    rows("DELETE FROM email_claim RETURNING user_id")


def test_the_oldest_account_of_an_address_that_was_there_has_it(
    before: CodeBefore, claim_addresses: Callable[[], None]
) -> None:
    shared = [
        "wile@example.com",
        "WILE@example.com",
        "Ren\u00e9@example.com",
        "rene\u0301@example.com",
    ]
    accounts = [before.sign_up(each) for each in [*shared, *shared, *shared]]
    alone = before.sign_up("alone@example.com")
    as_before_the_migration()
    for _ in range(2):
        claim_addresses()
        assert all_claims() == {
            "wile@example.com": accounts[0],
            "ren\u00e9@example.com": accounts[2],
            "alone@example.com": alone,
        }
    assert len(rows("SELECT id FROM user_account")) == 13


def test_duplicates_from_before_stay_usable(
    before: CodeBefore, claim_addresses: Callable[[], None]
) -> None:
    first, second = an_account(), an_account()
    rows("UPDATE user_account SET email = 'wile@example.com' RETURNING id")
    as_before_the_migration()
    claim_addresses()
    assert all_claims() == {"wile@example.com": first.user_id}
    token = token_of(second)
    assert edit_me(token, name="Wile").json["email"] == "wile@example.com"
    assert edit_me(token, email="second@example.com").status == 200
    assert all_claims() == {
        "wile@example.com": first.user_id, "second@example.com": second.user_id
    }  # fmt: skip


def test_what_the_code_before_opens_is_claimed_at_once(before: CodeBefore) -> None:
    account, duplicate = before.sign_up("Wile@Example.com"), before.sign_up("wile@example.com")
    assert all_claims() == {"wile@example.com": account}
    assert refused(sign_up("wile@example.com")) == (409, "EMAIL_TAKEN")
    assert {row.id for row in rows("SELECT id FROM user_account")} == {account, duplicate}


def test_old_addresses_outside_ascii_are_claimed_by_the_next_deploy(
    before: CodeBefore, claim_addresses: Callable[[], None]
) -> None:
    account = before.sign_up("Wile@B\u00fccher.example")
    assert all_claims() == {}
    claim_addresses()
    assert all_claims() == {"wile@xn--bcher-kva.example": account}


def test_addresses_are_claimed_while_all_code_signs_up_and_edits(
    before: CodeBefore, claim_addresses: Callable[[], None]
) -> None:
    accounts = [an_account() for _ in range(3)]
    tokens = [token_of(each) for each in accounts]
    there = [before.sign_up(f"shared{number % 4}@example.com") for number in range(12)]
    as_before_the_migration()
    calls: list[Callable[[], Any]] = [
        claim_addresses,
        claim_addresses,
        *(partial(edit_me, each, email=f"edited{n}@example.com") for n, each in enumerate(tokens)),
        *(partial(before.sign_up, f"old{number % 2}@example.com") for number in range(4)),
        *(partial(sign_up, f"new{number % 2}@example.com") for number in range(4)),
    ]
    run_concurrently(calls)
    claim_addresses()
    claims = all_claims()
    assert {f"shared{n}@example.com": there[n] for n in range(4)}.items() <= claims.items()
    edited = {f"edited{n}@example.com": each.user_id for n, each in enumerate(accounts)}
    assert edited.items() <= claims.items()
    taken = [f"{age}{n}@example.com" for age in ("old", "new") for n in range(2)]
    assert len(claims) == 4 + 3 + 4
    assert set(taken) <= claims.keys()
    news = rows("SELECT id FROM user_account WHERE email LIKE 'new%'")
    assert {row.id for row in news} == {claims["new0@example.com"], claims["new1@example.com"]}
