"""Passwords are stored as Argon2id hashes."""

import argon2
import pytest

from commerce.user import passwords


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
