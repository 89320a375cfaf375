"""Reload what is saved, as soon as it is saved, and say so."""

import time
from pathlib import Path

from watchfiles import DefaultFilter, watch

from infra.local.errors import LocalError
from infra.local.live.check import ImportCheck
from infra.local.live.code import BrokenCode, LiveCode
from infra.local.progress import Stages
from infra.local.system import LocalSystem
from infra.template import ROOT

WATCHED = (
    "functions",
    "layers/domain/python",
    "infra/migrations",
    "docs/openapi.json",  # functions/openapi.json is a link to it
    "template.yaml",
    "infra/stacks",
)
LOOK_AT_SERVERS_MS = 1000
SETTLED_MS = 50  # files that are saved together are reloaded together
LOCAL = ROOT / ".local"


def watch_and_reload(system: LocalSystem, stages: Stages) -> None:
    """Reload what is saved, until interrupted. Raises ServerFailed where a server ended."""
    with ImportCheck() as check:
        for changes in watch(
            *(ROOT / name for name in WATCHED),
            watch_filter=DefaultFilter(ignore_paths=[]),
            debounce=4 * SETTLED_MS,
            step=SETTLED_MS,
            rust_timeout=LOOK_AT_SERVERS_MS,
            yield_on_timeout=True,
            raise_interrupt=True,
        ):
            system.require_running()
            if changes:
                reload_and_say(system.live, stages, check)
                if any(Path(file).suffix in (".yaml", ".mk") for _, file in changes):
                    say_what_needs_a_deploy(system.live, stages)


def reload_and_say(live: LiveCode, stages: Stages, check: ImportCheck | None = None) -> bool | None:
    """Reload and print one line about it.

    Returns True, None where nothing changed, False where the code cannot go live.
    """
    started = time.monotonic()
    try:
        reloaded = live.reload(check)
    except BrokenCode as error:
        stages.say(
            f"✗ {error}\n  Not reloaded: the code before serves until this is mended.", "red"
        )
        return False
    except LocalError as error:
        stages.say(f"✗ {error}", "red")
        return False
    if reloaded is None:
        return None
    seconds = time.monotonic() - started
    stages.say(f"↻ {time.strftime('%H:%M:%S')} {reloaded}: live after {seconds:.1f} s", "green")
    return True


def say_what_needs_a_deploy(live: LiveCode, stages: Stages) -> None:
    """Print that resources or packages changed, where they did."""
    if live.needs_deploy():
        stages.say(
            "  The template or the layer's packages changed: make down; make up deploys that."
        )
