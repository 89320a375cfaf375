"""The errors of staff."""

from commerce.shared.errors import CommerceError, Kind


class LastAdmin(CommerceError):
    """You are the last admin."""

    kind = Kind.CONFLICT
    code = "LAST_ADMIN"
    default_detail = "Grant somebody else the scope admin first; nobody could grant it afterwards."


class BootstrapUsed(CommerceError):
    """This token was used, or the shop has an admin."""

    kind = Kind.CONFLICT
    code = "BOOTSTRAP_USED"
    default_detail = "Sign in as an admin; without one, an operator can grant the scope."


class OwnAccount(CommerceError):
    """You cannot suspend yourself."""

    kind = Kind.CONFLICT
    code = "OWN_ACCOUNT"
    default_detail = "Another admin can."
