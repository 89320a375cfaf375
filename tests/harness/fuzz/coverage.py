"""The depth of an attack: an operation that only ever refuses was hardly tried."""

from collections import Counter
from collections.abc import Iterable, Iterator

from tests.harness.fuzz.conformance import AttackResult
from tests.harness.fuzz.valid_requests import operations


def never_succeeded(results: Iterable[AttackResult]) -> list[str]:
    """Return the operations that no request succeeded at."""
    reached = _reached(results)
    return [
        each.label
        for each in operations()
        if not any(reached[each.label, str(status)] for status in each.successes)
    ]


def summary(results: Iterable[AttackResult]) -> Iterator[str]:
    """Yield lines about the share of each answer and the operations that were reached."""
    reached = _reached(results)
    answers: Counter[str] = Counter()
    for (_, answer), times in reached.items():
        answers[answer] += times
    total = max(answers.total(), 1)
    shares = (f"{each}: {n} ({n / total:.1%})" for each, n in sorted(answers.items()))
    yield f"{answers.total()} requests by their answers: {', '.join(shares)}"
    never = never_succeeded(results)
    yield f"{len(operations()) - len(never)} of {len(operations())} operations succeeded"
    yield from (f"never: {each}" for each in never)
    refused = sorted({label for label, answer in reached if answer == "409"})
    yield f"{len(refused)} were refused by a rule (409): {', '.join(refused)}"


def _reached(results: Iterable[AttackResult]) -> Counter[tuple[str, str]]:
    return sum((each.reached for each in results), Counter[tuple[str, str]]())
