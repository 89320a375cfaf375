"""Staff: list, grant, revoke; and the end of sessions."""

import argparse
from typing import Any

from commerce.shared import clock
from commerce.shared.scopes import Scope
from infra.ops.acts import act
from infra.ops.command import DONE, Answer, add_command, add_group, confirm
from infra.ops.target import Target
from infra.ops.terminal import people, show_fields

PAGE = 100


def add_to(commands: Any) -> None:
    """Add the commands `staff …` and `sessions …`."""
    staff = add_group(commands, "staff", "the users with scopes")
    add_command(staff, "list", list_staff, show, "all users with scopes, and which")
    granted = add_command(
        staff, "grant", grant, show, "grant a user scopes: their next access token has them"
    )
    revoked = add_command(
        staff,
        "revoke",
        revoke,
        show_revoked,
        "revoke a user's scopes, all or some; their sessions end",
    )
    for each, count in ((granted, "+"), (revoked, "*")):
        each.add_argument("login_id")
        each.add_argument("scopes", nargs=count, type=Scope, metavar="SCOPE")
    sessions = add_group(commands, "sessions", "the sessions of users")
    add_command(
        sessions, "end", end_sessions, show_ended, "end all sessions of a user at once"
    ).add_argument("login_id")


def list_staff(target: Target, _options: argparse.Namespace) -> Answer:
    """List all users with scopes."""
    target.use_database()
    from commerce.app.transactions import in_transaction
    from commerce.user.staff import StaffFacade

    found, after = [], None
    while True:
        page = in_transaction(StaffFacade.list, limit=PAGE, after=after)
        found += [each.model_dump(mode="json") for each in page.items]
        after = page.next_cursor
        if after is None:
            return DONE, {"staff": found}


def grant(target: Target, options: argparse.Namespace) -> Answer:
    """Grant a user scopes besides those that they have, and list all staff."""
    named = ", ".join(options.scopes)
    confirm(f"Grant {options.login_id} {named} on {target.stack}?", options)
    with act(target, "staff grant", f"{options.login_id} {named}") as by:
        from commerce.app.transactions import in_transaction
        from commerce.user.staff import StaffFacade

        in_transaction(StaffFacade.grant_by_login, options.login_id, options.scopes, by=by)
    return list_staff(target, options)


def revoke(target: Target, options: argparse.Namespace) -> Answer:
    """Revoke scopes of a user, all where none is named; their sessions end."""
    named = ", ".join(options.scopes) or "all scopes"
    confirm(f"Revoke {named} of {options.login_id} on {target.stack}?", options)
    with act(target, "staff revoke", f"{options.login_id} {named}") as by:
        from commerce.app.transactions import in_transaction
        from commerce.user.staff import StaffFacade

        ended = in_transaction(StaffFacade.revoke_by_login, options.login_id, options.scopes, by=by)
    return DONE, {**ended.model_dump(mode="json"), "at": clock.rfc3339(clock.now())}


def end_sessions(target: Target, options: argparse.Namespace) -> Answer:
    """End all sessions of a user, who keeps their scopes and may sign in again."""
    confirm(f"End all sessions of {options.login_id} on {target.stack}?", options)
    with act(target, "sessions end", options.login_id) as by:
        from commerce.app.transactions import in_transaction
        from commerce.user.staff import StaffFacade

        ended = in_transaction(StaffFacade.end_sessions_by_login, options.login_id, by=by)
    return DONE, {**ended.model_dump(mode="json"), "at": clock.rfc3339(clock.now())}


def show_revoked(answer: dict[str, Any]) -> None:
    """Print what was revoked, what ended, and from when on."""
    if not answer["revoked"]:
        people.print(f"{answer['login_id']} had none of these scopes: nothing was changed.")
        people.print(f"Their sessions go on; to end them: sessions end {answer['login_id']}")
        return
    people.print(f"Revoked of {answer['login_id']}: {' '.join(answer['revoked'])}.")
    show_ended(answer)


def show_ended(answer: dict[str, Any]) -> None:
    """Print which sessions ended, and from when on."""
    people.print(
        f"{answer['sessions_ended']} sessions of {answer['login_id']} ended. None of their access"
        f" and refresh tokens has worked since {answer['at']}."
    )
    people.print(
        "A token without a session, signed by an operator, is none of theirs: keys rotate."
    )


def show(answer: dict[str, Any]) -> None:
    """Print the staff."""
    rows = [{**each, "scopes": " ".join(each["scopes"])} for each in answer["staff"]]
    show_fields(["login_id", "scopes", "user_id", "suspended_at", "last_signed_in_at"], rows)
