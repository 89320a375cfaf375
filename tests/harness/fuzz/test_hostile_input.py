"""A slice of `make fuzz`: every answer to an attack is one that the document promises."""

import random

from tests.harness.fuzz import attacks, callbacks, events, queue_messages, schema_requests
from tests.harness.fuzz.conformance import AttackResult
from tests.harness.fuzz.coverage import never_succeeded
from tests.harness.fuzz.world import World

SEED = 20261122


def assert_held(result: AttackResult, at_least: int) -> None:
    """So many cases were tried, and nothing was found."""
    assert result.findings == []
    assert result.cases >= at_least


def test_a_forged_token_is_refused_everywhere(world: World) -> None:
    assert_held(attacks.forged_tokens(world), at_least=1000)


def test_another_users_data_is_neither_shown_nor_changed(world: World) -> None:
    assert_held(attacks.others_ids(world), at_least=5)


def test_hostile_values_and_bodies_get_documented_answers(world: World) -> None:
    chance = random.Random(SEED)  # noqa: S311
    results = list(attacks.hostile_words(world, chance, 300))
    assert [finding for each in results for finding in each.findings] == []
    assert sum(each.cases for each in results) == 300


def test_every_operation_accepts_a_valid_request(world: World) -> None:
    chance = random.Random(SEED)  # noqa: S311
    results = list(attacks.hostile_words(world, chance, 0))
    assert [finding for each in results for finding in each.findings] == []
    assert never_succeeded(results) == []


def test_an_unreadable_message_is_reported_as_failed(world: World) -> None:
    chance = random.Random(SEED)  # noqa: S311
    assert_held(queue_messages.hostile_records(chance, 200), at_least=200)


def test_valid_events_take_effect_once_among_broken_ones(world: World) -> None:
    recorded = events.generate_events(world)
    results = list(events.hostile_events(recorded, 150, SEED))
    assert [finding for each in results for finding in each.findings] == []
    kinds = {answer for each in results for answer in each.answers}
    assert kinds >= {f"{kind}, consumed" for kind in events.TO_BE_CONSUMED}
    assert kinds >= {f"{kind}, reported" for kind in events.TO_BE_REPORTED}


def test_hostile_callbacks_settle_payments_by_the_gateways_record(world: World) -> None:
    assert_held(callbacks.hostile_callbacks(world, 120, SEED), at_least=120)
    assert_held(events.check_books(), at_least=1)


def test_generated_requests_get_documented_answers(world: World) -> None:
    results = [
        schema_requests.attack(each, mode, world, 3, SEED)
        for each, mode in schema_requests.attacks()
    ]
    assert [finding for each in results for finding in each.findings] == []
    assert sum(each.cases for each in results) > 100
