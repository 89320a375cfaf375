"""The circuit breaker in front of the payment gateway, shared by all execution environments.

Its state and the window of the last calls are kept in Valkey. Each decision is one script, so that
decisions are serialized, and all use that server's clock. If Valkey does not answer within its own
time-out, the breaker counts as closed: payments do not depend on it.
"""

import json
import logging
import math
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Any, Protocol

from commerce.runtime import settings
from commerce.runtime.cache.valkey import Valkey

_EXPIRY_SECONDS = 600  # without a call
_MAX_CAUSES = 5
_LEASE_SECONDS = 10  # spec §3.3: a payment is answered by then; an unreported trial ends

logger = logging.getLogger(__name__)


class State(StrEnum):
    """The states of the breaker; only OPEN rejects every request."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits at which it opens and closes. The defaults are spec §6's, the window ours."""

    window_calls: int = 50
    minimum_calls: int = 10
    failure_percent: int = 50
    slow_seconds: float = 2.0
    open_seconds: float = 10.0
    trial_calls: int = 2

    @classmethod
    def from_settings(cls) -> "Policy":
        """Read BREAKER_WINDOW_CALLS and its siblings, whole numbers, from the environment."""
        given = {
            name: settings.number(f"BREAKER_{name.upper()}", int(default))
            for name, default in asdict(cls()).items()
        }
        return cls(**given)


@dataclass(frozen=True, slots=True)
class Call:
    """One call to the gateway: its duration, and its failure if it failed."""

    seconds: float
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Permit:
    """A request may be made. Its holder reports the outcome, however the request ends.

    `version` is the version of the state that gave it, to which alone a report counts; None if
    there is no state. `trial` is the token of a request by which the half-open breaker decides.
    """

    version: int | None = None
    trial: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """No request may be made now."""

    retry_after_seconds: int


@dataclass(frozen=True, slots=True)
class StateChange:
    """A change of the breaker's state, returned once, to the caller that caused it.

    Of `calls` in the window, or trials, `failed` failed or were slow. `causes` are their kinds, the
    newest first and at most five, each with how often it occurred.
    """

    before: State
    after: State
    calls: int
    failed: int
    causes: tuple[str, ...]

    @property
    def cause(self) -> str:
        """The reason, as a sentence."""
        if self.after is State.HALF_OPEN:
            return "It was open long enough; a few calls are tried."
        causes = f": {', '.join(self.causes)}" if self.causes else ""
        return f"{self.failed} of the last {self.calls} calls failed or were slow{causes}."


@dataclass(frozen=True, slots=True)
class Opening:
    """The last opening of the breaker: of `calls`, `failed` failed or were slow."""

    at: datetime
    calls: int
    failed: int
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BreakerSnapshot:
    """The state of the breaker now.

    Of the last `calls` since its last change, `failed` failed or were slow; `causes` are their
    kinds, the newest first and at most five. `opening` is what opened it last. `since` is None if
    the state has not changed within ten minutes of the last call.
    """

    state: State
    since: datetime | None
    calls: int
    failed: int
    causes: tuple[str, ...]
    opening: Opening | None = None


class Breaker(Protocol):
    """Admits requests to the gateway, and learns how they end."""

    def admit(self) -> Permit | Rejected:
        """Ask for permission to make a request. Never raises, never blocks for long."""

    def report(self, permit: Permit, calls: Sequence[Call]) -> None:
        """Report the calls that count; none if no call was made."""


class ValkeyBreaker:
    """A breaker whose state all execution environments share, under its name.

    `on_change` is called with each change of state; its exceptions are logged and suppressed.
    """

    def __init__(
        self,
        valkey: Valkey,
        policy: Policy,
        on_change: Callable[[StateChange], None],
        name: str = "payment-gateway",
    ) -> None:
        self._valkey = valkey
        self._policy = policy
        self._on_change = on_change
        self._key = f"lastunit:breaker:{name}"

    def admit(self) -> Permit | Rejected:
        """Ask for permission; while Valkey does not answer, it is always given."""
        policy, token = self._policy, secrets.token_hex(8)
        answer = self._run(
            _ADMIT, policy.open_seconds * 1000, policy.trial_calls, _LEASE_SECONDS * 1000, token
        )
        if answer is None:
            return Permit()
        self._publish(answer.change)
        if answer.verdict == "rejected":
            return Rejected(math.ceil(answer.number / 1000))
        return Permit(answer.number, token if answer.verdict == "trial" else None)

    def report(self, permit: Permit, calls: Sequence[Call]) -> None:
        """Count the calls, if the state that gave the permit is still the present one."""
        if permit.version is None or not (calls or permit.trial):
            return
        policy = self._policy
        answer = self._run(
            _REPORT, permit.version, permit.trial or "", policy.window_calls,
            policy.minimum_calls, policy.failure_percent, policy.trial_calls,
            *(self._failure(call) for call in calls),
        )  # fmt: skip
        if answer is not None:
            self._publish(answer.change)

    def snapshot(self) -> BreakerSnapshot | None:
        """Return its state; None if Valkey does not answer, and so every request is admitted."""
        stored = self._valkey.run(lambda server: server.get(self._key) or b"{}")
        if stored is None:
            return None
        found = json.loads(stored)
        calls = list(found.get("calls") or ())  # Lua writes an empty list as {}
        failures = [each for each in calls if each]
        changed_at = found.get("opened_at")
        return BreakerSnapshot(
            State(found.get("state", State.CLOSED)),
            datetime.fromtimestamp(changed_at / 1000, UTC) if changed_at else None,
            len(calls),
            len(failures),
            _kinds_of(failures),
            _opening_of(found.get("opening")),
        )

    def _failure(self, call: Call) -> str:
        if call.failure:
            return call.failure
        return f"slow, {call.seconds:.1f} s" if call.seconds > self._policy.slow_seconds else ""

    def _run(self, script: str, *arguments: str | float) -> "_Answer | None":
        return self._valkey.run(
            lambda server: _Answer.of(
                server.eval(script, 1, self._key, _EXPIRY_SECONDS * 1000, *arguments)
            )
        )

    def _publish(self, change: StateChange | None) -> None:
        if change is None:
            return
        level = logging.INFO if change.after is State.CLOSED else logging.WARNING
        logger.log(
            level, "circuit breaker: %s -> %s: %s", change.before, change.after, change.cause
        )
        try:
            self._on_change(change)
        except Exception:
            logger.exception("the breaker's change to %s was not published", change.after)


def _kinds_of(failures: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds of failures as the scripts do: `causes_of` in _BEGIN."""
    times = Counter(reversed(failures))
    shown = (f"{kind} ({n} times)" if n > 1 else kind for kind, n in times.items())
    return tuple(islice(shown, _MAX_CAUSES))


def _opening_of(stored: Mapping[str, Any] | None) -> Opening | None:
    if not stored:
        return None
    at = datetime.fromtimestamp(stored["at"] / 1000, UTC)
    return Opening(at, stored["calls"], stored["failed"], tuple(stored["causes"]))


@dataclass(frozen=True, slots=True)
class _Answer:
    """A script's reply: a verdict with its number, and the change that it made, if any."""

    verdict: str
    number: int
    change: StateChange | None

    @classmethod
    def of(cls, reply: Any) -> "_Answer":
        verdict, number, *changed = [
            each.decode() if isinstance(each, bytes) else each for each in reply
        ]
        change = None
        if changed:
            before, after, calls, failed, *causes = changed
            change = StateChange(
                State(before), State(after), int(calls), int(failed), tuple(map(str, causes))
            )
        return cls(str(verdict), int(number), change)


# KEYS[1] holds the state, its version, the time of its change, the calls of the window (for each
# its failure, or an empty text), the trials, and its last opening.
# ARGV[1] is its time to live in milliseconds.
_BEGIN = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('GET', KEYS[1])
local breaker = {state = 'closed', version = 0, opened_at = 0, calls = {}, trials = {}}
if stored then breaker = cjson.decode(stored) end

local function save(answer)
  redis.call('SET', KEYS[1], cjson.encode(breaker), 'PX', ARGV[1])
  return answer
end

local function failures(calls)
  local found = {}
  for _, failure in ipairs(calls) do
    if failure ~= '' then found[#found + 1] = failure end
  end
  return found
end

local function causes_of(failed)
  local kinds, times = {}, {}
  for i = #failed, 1, -1 do
    local kind = failed[i]
    if not times[kind] then kinds[#kinds + 1] = kind end
    times[kind] = (times[kind] or 0) + 1
  end
  local shown = {}
  for i = 1, math.min(#kinds, 5) do
    local n = times[kinds[i]]
    shown[i] = n > 1 and kinds[i] .. ' (' .. n .. ' times)' or kinds[i]
  end
  return shown
end

local function change(state, verdict, calls)
  local answer = {verdict, breaker.version + 1, breaker.state, state, 0, 0}
  local failed = failures(calls)
  answer[5], answer[6] = #calls, #failed
  local causes, opening = causes_of(failed), breaker.opening
  for _, cause in ipairs(causes) do answer[#answer + 1] = cause end
  if state == 'open' then
    opening = {at = now, calls = #calls, failed = #failed, causes = causes}
  end
  breaker = {state = state, version = breaker.version + 1, opened_at = now, calls = {}, trials = {},
    opening = opening}
  return answer
end
"""

_ADMIT = (
    _BEGIN
    + """
local open_ms, trial_calls, lease_ms, token = ARGV[2] + 0, ARGV[3] + 0, ARGV[4] + 0, ARGV[5]
local answer = {'trial', breaker.version}

if breaker.state == 'closed' then return {'closed', breaker.version} end
if breaker.state == 'open' then
  local left = breaker.opened_at + open_ms - now
  if left > 0 then return {'rejected', math.ceil(left)} end
  answer = change('half-open', 'trial', {})
end

local trials = {}
for _, trial in ipairs(breaker.trials) do
  if trial.failure or trial.ends_at > now then trials[#trials + 1] = trial end
end
if #trials >= trial_calls then return {'rejected', 1000} end  -- a trial usually takes less
trials[#trials + 1] = {token = token, ends_at = now + lease_ms}
breaker.trials = trials
return save(answer)
"""
)

_REPORT = (
    _BEGIN
    + """
local version, token, window, minimum = ARGV[2] + 0, ARGV[3], ARGV[4] + 0, ARGV[5] + 0
local percent, trial_calls = ARGV[6] + 0, ARGV[7] + 0

if version ~= breaker.version then return {'late', breaker.version} end

if breaker.state == 'closed' then
  local all, calls = breaker.calls, {}
  for i = 8, #ARGV do all[#all + 1] = ARGV[i] end
  for i = math.max(1, #all - window + 1), #all do calls[#calls + 1] = all[i] end
  breaker.calls = calls
  if #calls >= minimum and #failures(calls) * 100 >= percent * #calls then
    return save(change('open', 'counted', calls))
  end
  return save({'counted', breaker.version})
end

local trials, calls = {}, {}
for _, trial in ipairs(breaker.trials) do
  if trial.token == token then
    if #ARGV >= 8 then trial.failure = ARGV[8] else trial = nil end
  end
  if trial then
    trials[#trials + 1] = trial
    if trial.failure then calls[#calls + 1] = trial.failure end
  end
end
breaker.trials = trials
if #failures(calls) * 100 >= percent * trial_calls then
  return save(change('open', 'counted', calls))
end
if #calls >= trial_calls then return save(change('closed', 'counted', calls)) end
return save({'counted', breaker.version})
"""
)
