"""The form of a text that was typed or pasted: which kinds of id it may be."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from uuid import RFC_4122, UUID

from commerce.shared.errors import CommerceError, Kind

TRANSACTION = "TR-"
"""The beginning of the payment gateway's keys."""
MAX_CHARACTERS = 200
_LINK = re.compile(r".*#[a-z]+=(.+)", re.ASCII)
_AROUND = " \t'\"`´‘’‚‛“”„‟«»‹›()[]{}<>,;."
_LOGIN_ID = re.compile(r"[a-z0-9]{1,10}", re.ASCII | re.IGNORECASE)
_WORD = re.compile(r"[!#-\[\]-~]+", re.ASCII)  # what a filter of the log quotes as it is
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class NoSuchForm(CommerceError):
    """No id has this form."""

    kind = Kind.INVALID
    code = "NO_SUCH_FORM"
    default_detail = (
        "Send one id without blanks: of an order, payment, event, user or another thing, of a "
        "message or a trace; the gateway's transaction key (TR-…); or a login id."
    )


@dataclass(frozen=True)
class Form:
    """A text without what surrounds an id where it is copied: quotes, brackets, a link."""

    text: str

    @classmethod
    def of(cls, typed: str) -> "Form":
        """Read what was typed. Raises NoSuchForm."""
        shown = "".join(each for each in typed if unicodedata.category(each) != "Cf")
        if linked := _LINK.fullmatch(shown.strip(_AROUND)):
            shown = linked[1]
        text = shown.strip(_AROUND)
        if not _WORD.fullmatch(text):
            raise NoSuchForm
        return cls(text.lower() if _UUID.fullmatch(text) else text)

    @cached_property
    def id(self) -> UUID | None:
        """The id, if it is one of a thing, a message or a request."""
        return UUID(self.text) if _UUID.fullmatch(self.text) else None

    @property
    def is_ours(self) -> bool:
        """True if it has the form of the ids that are made here; others make random ones."""
        return self.id is not None and self.id.variant == RFC_4122 and self.id.version == 7

    @property
    def keys(self) -> list[str]:
        """The transaction keys that it may mean, in the gateway's letters."""
        if not self.text.upper().startswith(TRANSACTION):
            return [self.text]
        rest = self.text[len(TRANSACTION) :]
        return list(dict.fromkeys(TRANSACTION + each for each in (rest, rest.lower())))

    @property
    def is_login_id(self) -> bool:
        """True if a user may be called that."""
        return self.id is None and bool(_LOGIN_ID.fullmatch(self.text))

    @property
    def may_be_trace(self) -> bool:
        """True if a request may have it: whatever is no transaction key and no login id."""
        is_key = self.text.upper().startswith(TRANSACTION)
        return not (is_key or self.is_login_id)
