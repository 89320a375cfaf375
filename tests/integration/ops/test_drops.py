"""`make ops ARGS="drops …"`: operators see each drop, and one that is stuck, and wake promote."""

import json
import secrets
from typing import Any
from uuid import UUID

import boto3
import pytest

from commerce.app import drops
from commerce.app.drops import nudge
from commerce.app.transactions import in_transaction
from commerce.drop import CancelDrop, DropFacade, DropPromotion, promotion
from infra.ops.__main__ import main
from tests.support.drops import (
    a_published_drop,
    an_offering_drop,
    begin_entries,
    drop_terms,
    in_line,
    join,
    order_offer,
    promote,
    reach_draw,
    settle,
    shift,
    statuses,
)
from tests.support.lambda_calls import function, lambda_context
from tests.support.orders import cancel
from tests.support.shop import a_buyer, a_product, rows

pytestmark = pytest.mark.usefixtures("own_shop")


def ops(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def trouble_of(capsys: pytest.CaptureFixture[str], drop_id: UUID) -> tuple[int, str | None]:
    code, drop = ops(capsys, "drops", "show", str(drop_id))
    return code, drop["trouble"]


def test_all_drops_are_listed_newest_first(capsys: pytest.CaptureFixture[str]) -> None:
    first = a_published_drop(a_product(stock=5), units=3)
    draft = in_transaction(
        DropFacade.create, drop_terms(a_product(), 2), verified_only=False, by="test"
    )
    code, answer = ops(capsys, "drops", "list")
    assert code == 0
    assert [(each["drop_id"], each["state"], each["trouble"]) for each in answer["drops"]] == [
        (str(draft.id), "DRAFT", None),
        (str(first), "SCHEDULED", None),
    ]
    code, answer = ops(capsys, "drops", "list", "--limit", "1")
    assert [each["drop_id"] for each in answer["drops"]] == [str(draft.id)]
    main(["drops", "list"])
    table = capsys.readouterr().out
    assert str(first) in table
    assert "SCHEDULED" in table


def test_a_drop_is_shown_with_its_units_and_entries(capsys: pytest.CaptureFixture[str]) -> None:
    product, buyers = a_product(stock=5, price=10), [a_buyer(100) for _ in range(4)]
    drop_id = an_offering_drop(product, buyers, units=2)
    buyer, entry = in_line(drop_id, buyers)[0]
    order_offer(buyer, entry, product)
    code, drop = ops(capsys, "drops", "show", str(drop_id))
    assert (code, drop["state"], drop["trouble"]) == (0, "OFFERING", None)
    assert drop["statuses"] == {"BOUGHT": 1, "OFFERED": 1, "WAITING": 2}
    assert drop["lots"] == [
        {"product_id": product, "units": 2, "returned": 0, "entries": 4, "held": 1, "bought": 1,
         "served": 2}
    ]  # fmt: skip
    main(["drops", "show", str(drop_id)])
    shown = capsys.readouterr().out
    assert f"{drop_id}: OFFERING" in shown
    assert drop["terms_hash"] in shown


def test_a_drop_that_does_not_exist_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = ops(capsys, "drops", "show", "nothing")
    assert (code, list(answer)) == (2, ["error"])


def test_a_drop_that_is_not_sealed_or_not_drawn_in_time_is_stuck(
    capsys: pytest.CaptureFixture[str],
) -> None:
    drop_id = a_published_drop(a_product(), units=1)
    begin_entries(drop_id)
    join(drop_id, a_buyer().user_id)
    reach_draw(drop_id)
    assert trouble_of(capsys, drop_id) == (0, None)
    old = {"entries_at": "now() - interval '1 h'", "draws_at": "now() - interval '121 s'"}
    shift(drop_id, **old)
    assert trouble_of(capsys, drop_id) == (1, "NOT_SEALED")
    in_transaction(DropPromotion.step, drop_id)
    assert trouble_of(capsys, drop_id) == (0, None)
    shift(drop_id, beacon_round="beacon_round - 2500")  # its draw was in two hours
    assert trouble_of(capsys, drop_id) == (1, "NOT_DRAWN")
    assert main(["drops", "list"]) == 1
    assert "its beacon's round is published, and it is not drawn" in capsys.readouterr().out
    promote(drop_id)
    assert trouble_of(capsys, drop_id) == (0, None)


@pytest.mark.parametrize("change", ["left", "over", "unnumbered"])
def test_a_drop_that_is_not_promoted_is_stuck(
    capsys: pytest.CaptureFixture[str], change: str
) -> None:
    product, buyers = a_product(stock=1, price=10), [a_buyer(100), a_buyer(100)]
    drop_id = an_offering_drop(product, buyers)
    buyer, entry = in_line(drop_id, buyers)[0]
    if change == "left":
        cancel(buyer, order_offer(buyer, entry, product).json["order_id"])
        column = "left_at"
    elif change == "over":
        column = "claim_until"
    else:
        shift(drop_id, entries_at="now() - interval '2 h'", draws_at="now() - interval '1 h'")
        entry, column = join(drop_id, a_buyer().user_id)[0].entry_id, "joined_at"
    assert trouble_of(capsys, drop_id) == (0, None)
    rows(f"UPDATE drop_entry SET {column} = now() - interval '121 s' WHERE id = $1", entry)
    assert trouble_of(capsys, drop_id) == (1, "NOT_PROMOTED")
    settle(drop_id)
    assert trouble_of(capsys, drop_id) == (0, None)


NO_END = """
    CREATE TRIGGER no_end BEFORE UPDATE ON drop_entry FOR EACH ROW WHEN (NEW.status = 'VOID')
    EXECUTE FUNCTION refuse_erased_user_id()
"""


def test_a_cancelled_drop_whose_entries_do_not_end_is_stuck_and_alarms(
    own_shop: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "PART", 1)
    buyers = [a_buyer() for _ in range(3)]
    drop_id = an_offering_drop(a_product(stock=1), buyers)
    command = CancelDrop(reason="Damaged")
    in_transaction(drops.cancel_drop, str(drop_id), command, by="test", if_match=None)
    # What stops the entries' end: users who may not be stored for any more, by a trigger.
    rows("INSERT INTO erased_user SELECT user_id, now() FROM drop_entry RETURNING 1")
    rows(NO_END)
    assert trouble_of(capsys, drop_id) == (0, None)
    rows("UPDATE drop_log SET at = now() - interval '121 s' WHERE kind = 'CANCELLED' RETURNING 1")

    done = function("drop/every_minute_promote")({}, lambda_context(60))

    assert (done["failed"], '"DropPromotionFailed"' in capsys.readouterr().out) == (1, True)
    assert trouble_of(capsys, drop_id) == (1, "NOT_ENDED")
    assert main(["drops", "list"]) == 1
    assert "it is cancelled, and not all of its entries have ended" in capsys.readouterr().out
    rows("DROP TRIGGER no_end ON drop_entry")
    settle(drop_id)
    assert trouble_of(capsys, drop_id) == (0, None)
    assert statuses(drop_id) == ["VOID"] * 3


def test_promote_is_woken_by_the_message_of_a_commit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, sqs = f"stack{secrets.token_hex(4)}", boto3.client("sqs")
    for suffix in ("", "-dead-letters"):
        url = sqs.create_queue(QueueName=f"{stack}-drop-promotion{suffix}")["QueueUrl"]
    url = sqs.get_queue_url(QueueName=f"{stack}-drop-promotion")["QueueUrl"]
    monkeypatch.setenv("DROP_QUEUE_URL", url)
    nudge()
    [expected] = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=expected["ReceiptHandle"])

    code, answer = ops(capsys, "drops", "promote", "--stack", stack)

    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert (code, answer["message_id"], message["Body"]) == (
        0, message["MessageId"], expected["Body"],
    )  # fmt: skip
