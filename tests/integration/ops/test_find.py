"""`make ops ARGS="find TEXT"`: what an id names, with every right, and in the audit."""

import json
import os
from typing import Any

import pytest

from commerce.shared import clock
from infra.ops.__main__ import main
from tests.support.dead_letters import DeadQueue, a_dead_queue, an_order_message
from tests.support.orders import an_order
from tests.support.sessions import an_account
from tests.support.shop import a_buyer, a_product, rows

pytestmark = pytest.mark.usefixtures("own_shop", "cheap_hashes")


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    """A queue of a stack of its own; the command's settings end with the test."""
    for name in ("RELAY_QUEUE_URL", "QUEUES", "DEAD_LETTER_ONLY_QUEUES", "LOG_GROUP_NAME"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    return a_dead_queue()


def find(dead: DeadQueue, capsys: pytest.CaptureFixture[str], text: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = main(["find", text, "--stack", dead.stack, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_an_order_and_its_dead_letter_are_found_by_command(
    dead: DeadQueue, capsys: pytest.CaptureFixture[str]
) -> None:
    order_id = an_order(a_buyer(points=1_000), (a_product(stock=5, price=100), 1))
    [message_id] = dead.fill(an_order_message(order_id))
    code, answer = find(dead, capsys, order_id)
    assert code == 0
    assert {(each["kind"], each["id"], each["link"]) for each in answer["found"]} == {
        ("ORDER", order_id, f"order={order_id}"),
        ("DEAD_LETTER", message_id, f"queue={dead.name}"),
    }
    main(["find", order_id, "--stack", dead.stack])
    assert f"order={order_id}" in capsys.readouterr().out


def test_a_user_is_found_by_command_and_the_audit_keeps_no_login_id(
    dead: DeadQueue, capsys: pytest.CaptureFixture[str]
) -> None:
    account = an_account()
    code, answer = find(dead, capsys, account.login_id)
    assert (code, [each["id"] for each in answer["found"]]) == (0, [str(account.user_id)])
    [act] = rows("SELECT action, subject, outcome FROM staff_act")
    assert tuple(act) == ("make ops find", "an id", "DONE")
    [change] = rows("SELECT action FROM admin_audit WHERE subject_id = $1", account.user_id)
    assert change.action == "read user"


def test_what_is_not_found_exits_with_1_and_no_id_with_2(
    dead: DeadQueue, capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer = find(dead, capsys, str(clock.new_id()))
    assert (code, answer["found"], "ORDER" in answer["searched"]) == (1, [], True)
    assert find(dead, capsys, "two words")[0] == 2
    assert main(["find", str(clock.new_id()), "--stack", "no-such-stack"]) == 2
    assert "is --stack right?" in capsys.readouterr().err
