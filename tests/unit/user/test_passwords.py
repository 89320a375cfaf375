"""Passwords are stored as Argon2id hashes."""

import argon2
import pytest

from commerce.shared.errors import Kind
from commerce.user import WeakPassword, passwords


@pytest.fixture(scope="module")
def costly() -> str:
    """A hash with the parameters of production."""
    return passwords.hashed("roadrunner!")


@pytest.mark.usefixtures("cheap_hashes")
def test_a_password_is_right_or_wrong() -> None:
    hashed = passwords.hashed("roadrunner!")
    assert passwords.is_right("roadrunner!", hashed)
    assert not passwords.is_right("Roadrunner!", hashed)
    assert not passwords.is_right("roadrunner!", None)


def test_the_hash_is_argon2id_as_rfc_9106_has_it(costly: str) -> None:
    assert costly.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert argon2.extract_parameters(costly) == argon2.profiles.RFC_9106_LOW_MEMORY
    assert passwords.is_right("roadrunner!", costly)


@pytest.mark.usefixtures("cheap_hashes")
def test_the_same_password_has_another_hash_each_time() -> None:
    assert passwords.hashed("roadrunner!") != passwords.hashed("roadrunner!")


def test_an_unknown_user_takes_as_long_as_a_wrong_password(
    costly: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasher = passwords._hasher()
    verified: list[argon2.Parameters] = []

    class Watched:
        def verify(self, hashed: str, password: bytes) -> bool:
            verified.append(argon2.extract_parameters(hashed))
            return hasher.verify(hashed, password)

    monkeypatch.setattr(passwords, "_hasher", Watched)
    for password_hash in (costly, None):
        assert not passwords.is_right("a wrong guess", password_hash)
    assert verified == [argon2.profiles.RFC_9106_LOW_MEMORY] * 2


@pytest.mark.usefixtures("cheap_hashes")
def test_a_password_is_unicode_normalized() -> None:
    assert passwords.is_right("caf\u00e9 cr\u00e8me", passwords.hashed("cafe\u0301 cre\u0300me"))


@pytest.mark.usefixtures("cheap_hashes")
def test_any_string_can_be_a_password() -> None:
    assert passwords.is_right("\ud800\x00 odd one", passwords.hashed("\ud800\x00 odd one"))


PERSONAL = ("Coyote49", "Wile E. Coyote", "wile.e@acme.example")


@pytest.mark.parametrize(
    "password",
    [
        "1234567890",
        "aaaaaaaaaa",
        "qwertyuiop",
        "password1234",
        "iloveyou1234",
        "P@ssw0rd123",
        "\u200b" * 10,
        "abcabcabcabc",
        "2024-01-01",
        pytest.param("coyote49!!!", id="login id"),
        pytest.param("Wile E. Coyote", id="name"),
        pytest.param("COYOTEwile1!", id="name, turned round"),
        pytest.param("wile.e@acme.example", id="email"),
        pytest.param("acme-acme-acme", id="part of the email"),
        pytest.param("x" * 128, id="long and simple"),
    ],
)
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        passwords.require_strong(password, *PERSONAL)
    assert (refused.value.kind, refused.value.code) == (Kind.INVALID, "WEAK_PASSWORD")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "another password",
        "xK9#mP2$vL",
        "안녕하세요반갑습니다",
        "a coyote keeps trying",
        "\ud800 unpaired \ud800 surrogates",
        "many unrelated words " * 6,
    ],
)
def test_a_password_that_takes_long_to_guess_is_accepted(password: str) -> None:
    passwords.require_strong(password, *PERSONAL)


def test_a_short_part_of_a_name_does_not_make_a_password_weak() -> None:
    passwords.require_strong("ojo de agua 4 rios", "o", "Jo A", "a@b.co")
