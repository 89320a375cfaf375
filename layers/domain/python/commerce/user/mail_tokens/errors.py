"""The errors of mailed tokens."""

from commerce.shared.errors import CommerceError, Kind


class MailTokenExpired(CommerceError):
    """The mailed token has expired, was used, or is not one of ours."""

    kind = Kind.GONE
    code = "TOKEN_EXPIRED"
    default_detail = "Have another mail sent, and use the token of that one."
