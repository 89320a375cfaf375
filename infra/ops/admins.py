"""Admins: list, grant, revoke."""

import argparse
from typing import Any

from infra.ops.command import DONE, Answer, add_command, add_group, confirm
from infra.ops.target import Target, operator
from infra.ops.terminal import show_fields


def add_to(commands: Any) -> None:
    """Add the commands `admin …`."""
    admin = add_group(commands, "admin", "the users with an admin's rights")
    add_command(admin, "list", list_admins, show, "all admins")
    granted = add_command(
        admin, "grant", grant, show, "make a user an admin: their next access token has the scope"
    )
    revoked = add_command(
        admin, "revoke", revoke, show, "make an admin a user again, and end their sessions"
    )
    for each in (granted, revoked):
        each.add_argument("login_id")


def list_admins(target: Target, _options: argparse.Namespace) -> Answer:
    """List all admins."""
    target.use_database()
    from commerce.app.transactions import in_transaction
    from commerce.user import UserFacade

    found = in_transaction(UserFacade.admins)
    return DONE, {
        "admins": [{"user_id": each.user_id, "login_id": each.login_id} for each in found]
    }


def grant(target: Target, options: argparse.Namespace) -> Answer:
    """Make a user an admin, and list all admins."""
    target.use_database()
    confirm(f"Let {options.login_id} do whatever admins may, on {target.stack}?", options)
    from commerce.app.transactions import in_transaction
    from commerce.user import UserFacade

    in_transaction(UserFacade.grant_admin, options.login_id, by=operator())
    return list_admins(target, options)


def revoke(target: Target, options: argparse.Namespace) -> Answer:
    """Make an admin a user again, end their sessions, and list all admins."""
    target.use_database()
    confirm(f"No longer let {options.login_id} do what admins may, on {target.stack}?", options)
    from commerce.app.transactions import in_transaction
    from commerce.user import UserFacade

    in_transaction(UserFacade.revoke_admin, options.login_id, by=operator())
    return list_admins(target, options)


def show(answer: dict[str, Any]) -> None:
    """Print the admins."""
    show_fields(["login_id", "user_id"], answer["admins"])
