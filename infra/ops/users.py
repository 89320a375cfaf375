"""Users: erase one for good, or mail an address again that bounced or complained."""

import argparse
from typing import Any

from infra.ops.acts import act
from infra.ops.command import DONE, Answer, add_command, add_group, confirm
from infra.ops.target import Target
from infra.ops.terminal import people


def add_to(commands: Any) -> None:
    """Add the commands `users …`."""
    users = add_group(commands, "users", "the users' accounts")
    erased = add_command(
        users, "erase", erase, show_erased, "erase a user for good, as they could themselves"
    )
    again = add_command(
        users, "mail-again", mail_again, show, "mail a user's address again, which is suppressed"
    )
    for each in (erased, again):
        each.add_argument("login_id")


def erase(target: Target, options: argparse.Namespace) -> Answer:
    """Erase a user without their password; their orders and ledgers stay under the id."""
    login_id = options.login_id
    confirm(f"Erase {login_id} on {target.stack}? Nobody can undo it.", options)
    with act(target, "users erase", login_id):
        from commerce.app.privacy import erase_as_operator
        from commerce.app.transactions import in_transaction

        user_id = in_transaction(erase_as_operator, login_id)
    return DONE, {"erased": str(user_id)}


def mail_again(target: Target, options: argparse.Namespace) -> Answer:
    """Lift the suppression of a user's address, and say why there was one."""
    login_id = options.login_id
    confirm(f"Mail the address of {login_id} again on {target.stack}?", options)
    with act(target, "users mail-again", login_id) as by:
        from commerce.app.transactions import in_transaction
        from commerce.user.recipients import RecipientFacade

        lifted = in_transaction(RecipientFacade.lift_by_login, login_id, by=by)
    return DONE, {"login_id": login_id, "lifted": lifted.value if lifted else None}


def show_erased(answer: dict[str, Any]) -> None:
    """Print what is left."""
    people.print(f"Erased. The books keep the id {answer['erased']}, which leads to nobody.")


def show(answer: dict[str, Any]) -> None:
    """Print what was lifted."""
    people.print(
        f"{answer['login_id']} is mailed again: {answer['lifted']} was lifted."
        if answer["lifted"]
        else f"{answer['login_id']} is mailed: nothing was suppressed."
    )
