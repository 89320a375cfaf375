"""The form in which e-mail addresses are compared."""

import pytest

from commerce.user.addresses import normalized


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("wile@example.com", "Wile@EXAMPLE.com"),
        ("rene\u0301@example.com", "REN\u00c9@example.com"),
        ("wile@b\u00fccher.example", "wile@xn--bcher-kva.example"),
        ("wile@B\u00dcCHER.example", "wile@bu\u0308cher.example"),
        ("wile@\ud55c\uad6d.example", "wile@XN--3E0B707E.example"),
        ("wile@stra\u00dfe.example", "wile@STRASSE.example"),
        ("wile@example\u3002com", "wile@example.com"),
    ],
)
def test_two_spellings_of_one_address_are_equal(one: str, other: str) -> None:
    assert normalized(one) == normalized(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("wile@example.com", "wile@example.org"),
        ("wile@example.com", "wi.le@example.com"),
        ("wile@example.com", "wile+shop@example.com"),
        ("wile@example.com", "\u0175ile@example.com"),
        ("wile@example.com", "w\u0456le@example.com"),  # a Cyrillic letter
        ("a@b@example.com", "b@example.com"),
    ],
)
def test_different_addresses_stay_different(one: str, other: str) -> None:
    assert normalized(one) != normalized(other)


@pytest.mark.parametrize(
    "email",
    ["e" * 64 + "@" + "d" * 185 + ".com", "wile@-.example", "wile@" + "\u00fc" * 60 + ".de"],
)
def test_a_domain_that_cannot_exist_is_compared_too(email: str) -> None:
    assert normalized(email.upper()) == normalized(email)
    assert normalized(normalized(email)) == normalized(email)
