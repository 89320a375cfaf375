"""Postal addresses: how they are taken, kept and shown. They are personal data.

An address is in no event and no log line; neither class shows its content in its repr.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from commerce.shared.schemas import Command, Form, View, line

COUNTRIES = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE
    EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
    HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC
    LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
    NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
    """.split()  # noqa: SIM905 - a table
)
"""ISO 3166-1 alpha-2."""

POSTAL_CODES = {
    "CA": r"[A-Z]\d[A-Z] ?\d[A-Z]\d",
    "CN": r"\d{6}",
    "DE": r"\d{5}",
    "FR": r"\d{5}",
    "GB": r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}",
    "JP": r"\d{3}-?\d{4}",
    "KR": r"\d{5}",
    "US": r"\d{5}(-\d{4})?",
}
"""The postal codes of countries whose form is checked (spec §3.3); others are any line."""


def is_of_country(postal_code: str | None, country: str) -> bool:
    """Return whether a country has such postal codes; True where their form is not known."""
    form = POSTAL_CODES.get(country)
    return not form or postal_code is None or re.fullmatch(form, postal_code) is not None


def _known(country: str) -> str:
    if country not in COUNTRIES:
        raise PydanticCustomError("country", "Must be a country's two letters, as in KR.")
    return country


_PHONE = Form(
    r"(?=([^0-9]*[0-9]){5})[0-9+()/. \-]{5,30}",
    "Must be a telephone number: at least five digits, and spaces or + ( ) / . - between.",
)

Recipient = Annotated[str, line(100), Field(examples=["Wile E. Coyote"])]
Phone = Annotated[str, _PHONE, Field(max_length=30, examples=["+82 10-1234-5678"])]
Street = Annotated[str, line(200), Field(examples=["1 Canyon Road"])]
Place = Annotated[str, line(100), Field(examples=["Seoul"])]
PostalCode = Annotated[str, line(20), Field(examples=["04524"])]
Country = Annotated[str, AfterValidator(_known), Field(max_length=2, examples=["KR"])]


class Unshown(BaseModel):
    """Keeps its content out of whatever prints it."""

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return ()


class PostalAddress(Unshown, View):
    """The place that goods go to: a snapshot, which no change of an address book alters."""

    recipient: str
    phone: str
    line1: str
    line2: str | None = None
    city: str | None = None
    region: str | None = None
    country: str
    postal_code: str | None = None


class ShipTo(Unshown, Command):
    """An address as callers send it, checked by its country's rules."""

    recipient: Recipient
    phone: Phone
    line1: Street
    line2: Street | None = None
    city: Place | None = None
    region: Place | None = None
    country: Country
    postal_code: PostalCode | None = None

    @field_validator("postal_code")
    @classmethod
    def _as_its_country_has_it(cls, code: str | None, info: ValidationInfo) -> str | None:
        if not is_of_country(code, info.data.get("country", "")):
            raise PydanticCustomError("postal_code", WRONG_POSTAL_CODE)
        return code

    @property
    def address(self) -> PostalAddress:
        """The address to keep."""
        return PostalAddress.model_validate(self.model_dump(include=set(FIELDS)))


FIELDS = tuple(PostalAddress.model_fields)
WRONG_POSTAL_CODE = "Must be a postal code as its country has them."
