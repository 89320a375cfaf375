"""The form in which e-mail addresses are compared: two that reach one mailbox are one."""

import unicodedata


def normalized(email: str) -> str:
    """Return the address without differences of case, composition, and notation of its domain.

    Mail systems may tell `Wile@` from `wile@`, but none that is in use does. A domain outside ASCII
    has a notation in ASCII (`xn--…`), which is the same domain.
    """
    local, _, domain = email.rpartition("@")
    return f"{_folded(local)}@{_in_ascii(_folded(domain))}"


def _folded(text: str) -> str:
    composed = unicodedata.normalize("NFC", text).casefold()
    return unicodedata.normalize("NFC", composed)


def _in_ascii(domain: str) -> str:
    try:
        return domain.encode("idna").decode()
    except UnicodeError:  # a label that no domain has, such as one of 64 characters
        return domain
