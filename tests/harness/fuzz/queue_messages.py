"""Malformed messages for every function that a queue feeds."""

import copy
import json
import random
from typing import Any
from uuid import uuid4

from infra.template import ROOT, functions, read_template
from tests.harness.fuzz.conformance import AttackResult
from tests.harness.fuzz.hostile_values import VALUES
from tests.support.lambda_calls import function, lambda_context

# To these a message is a nudge, and says nothing but that it came.
READS_NOTHING = {
    "drop/on_drop_nudged", "outbox/on_events_recorded", "product/on_products_viewed",
}  # fmt: skip
TEXTS = (
    "",
    "null",
    "[]",
    "0",
    "{}",
    '{"detail": null}',
    '{"detail": {}}',
    '{"detail": []}',
    '{"detail": {"type": "OrderConfirmed"}}',
    "{",
    "\x00",
    "[" * 100_000,
    '{"detail":' * 50_000,
    "9" * 5_000,
    "\ufeff{}",
    '"\\ud800"',
)


def hostile_records(chance: random.Random, cases: int) -> AttackResult:
    """Check that no handler raises and that exactly the unreadable messages are reported."""
    result = AttackResult("hostile queue messages")
    consumers = [each for each in functions(read_template()) if each.trigger == "sqs"]
    for number in range(cases):
        consumer = consumers[number % len(consumers)]
        sample = json.loads((ROOT / consumer.event_file).read_text(encoding="utf-8"))
        name = str(consumer.source.relative_to(consumer.code_uri).with_suffix(""))
        event, unreadable = _batch(sample, chance)
        try:
            answer = function(name)(copy.deepcopy(event), lambda_context())
            failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        except Exception as error:  # noqa: BLE001 - a handler that raises is what is looked for
            result.count("raised")
            result.find(f"{name} raised {error!r}", event)
            continue
        sent = {each["messageId"] for each in event["Records"]}
        result.count(f"{len(failed)} of {len(sent)} reported")
        if not failed <= sent:
            result.find(f"{name} reported what was not sent", failed - sent)
        if name not in READS_NOTHING and not unreadable <= failed:
            result.find(f"{name} took what cannot be read", event)
    return result


def _batch(sample: dict[str, Any], chance: random.Random) -> tuple[dict[str, Any], set[str]]:
    """Return one to three messages, and the ids of the unreadable ones."""
    [record, *_] = sample["Records"]
    records, unreadable = [], set()
    for _ in range(chance.randint(1, 3)):
        changed = copy.deepcopy(record)
        changed["messageId"] = str(uuid4())
        if chance.random() < 0.3:
            changed["body"] = chance.choice(TEXTS)
            unreadable.add(changed["messageId"])
        else:
            body = json.loads(record["body"]) if record["body"].startswith("{") else {}
            changed["body"] = json.dumps(_corrupted(body, chance))
        records.append(changed)
    return {"Records": records}, unreadable


def _corrupted(value: Any, chance: random.Random) -> Any:
    """Return the value with one part replaced by a hostile one."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        name = chance.choice(sorted(value))
        if chance.random() < 0.1:
            return {each: kept for each, kept in value.items() if each != name}
        return {**value, name: _corrupted(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        return [_corrupted(value[0], chance), *value[1:]]
    return chance.choice(VALUES)
