"""`make ops ARGS="quarantine …"`: events are listed, shown, requeued, discarded and restored."""

import json
from typing import Any

import pytest

from commerce.shared import clock
from infra.ops.__main__ import main
from tests.support.quarantine import a_quarantined_event, place_of
from tests.support.shop import rows

pytestmark = pytest.mark.usefixtures("own_shop")

REASON = "The order was shipped by telephone"


def ops(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = main(["quarantine", *arguments, "--json", "--yes"])
    return code, json.loads(capsys.readouterr().out)


def acts() -> list[tuple[str, str, str]]:
    sql = "SELECT action, subject, outcome FROM staff_act ORDER BY id"
    return [(row.action, row.subject, row.outcome) for row in rows(sql)]


def test_a_quarantined_event_is_listed_and_shown_with_its_data(
    capsys: pytest.CaptureFixture[str],
) -> None:
    id_, order_id = a_quarantined_event()
    code, answer = ops(capsys, "list")
    [event] = answer["events"]
    assert (code, event["id"], event["cause"]) == (0, id_, "MalformedDetail")
    code, shown = ops(capsys, "show", id_)
    assert (code, json.loads(shown["body"])["data"]["order_id"]) == (0, order_id)
    main(["quarantine", "show", id_])
    printed = capsys.readouterr().out
    assert "cause: MalformedDetail" in printed
    assert f'"order_id": "{order_id}"' in printed


def test_an_event_that_is_not_quarantined_is_not_shown_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    id_, _ = a_quarantined_event()
    ops(capsys, "requeue", id_)
    code, answer = ops(capsys, "show", id_)
    assert (code, list(answer)) == (2, ["error"])
    assert ops(capsys, "list") == (0, {"events": []})


def test_events_are_requeued_by_their_ids_and_audited(capsys: pytest.CaptureFixture[str]) -> None:
    (first, _), (second, _) = a_quarantined_event(), a_quarantined_event()
    unknown = str(clock.new_id())
    code, answer = ops(capsys, "requeue", first, second, unknown)
    assert (code, answer) == (1, {"requeued": [first, second], "not_found": [unknown]})
    assert [place_of(each) for each in (first, second)] == [["outbox"]] * 2
    assert acts() == [
        ("make ops quarantine requeue", each, "DONE") for each in (first, second, unknown)
    ]


def test_an_event_is_discarded_for_a_reason_and_restored(
    capsys: pytest.CaptureFixture[str],
) -> None:
    id_, order_id = a_quarantined_event()
    code, answer = ops(capsys, "discard", id_, "--reason", REASON)
    assert (code, answer, place_of(id_)) == (0, {"discarded": [id_], "not_found": []}, [])
    assert ops(capsys, "discard", id_, "--reason", REASON)[0] == 1
    code, answer = ops(capsys, "discarded")
    [gone] = answer["events"]
    assert (gone["id"], gone["reason"], gone["order_id"]) == (id_, REASON, order_id)
    assert ops(capsys, "restore", id_) == (0, {"restored": [id_], "not_found": []})
    assert place_of(id_) == ["outbox"]
    assert ops(capsys, "restore", id_)[0] == 1
    assert {(action, outcome) for action, _, outcome in acts()} == {
        ("make ops quarantine discard", "DONE"), ("make ops quarantine restore", "DONE")
    }  # fmt: skip


def test_a_discard_by_command_takes_a_reason_and_a_yes(capsys: pytest.CaptureFixture[str]) -> None:
    id_, _ = a_quarantined_event()
    for arguments in (["discard", id_], ["discard", id_, "--reason", "x"]):
        with pytest.raises(SystemExit):
            main(["quarantine", *arguments, "--yes"])
    assert main(["quarantine", "discard", id_, "--reason", REASON]) == 2
    assert place_of(id_) == ["outbox_set_aside"]
    capsys.readouterr()
