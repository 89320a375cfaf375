"""Reload what was saved, once: what `make reload` runs.

It is for file systems that report no changes to the watcher of `make up`.
"""

import sys

from infra.local.deployment import Deployment
from infra.local.env_file import read_env
from infra.local.live.code import LiveCode
from infra.local.live.watch import LOCAL, reload_and_say, say_what_needs_a_deploy
from infra.local.progress import Stages


def main() -> int:
    """Reload once; 1 where nothing runs or the code cannot go live."""
    stages = Stages()
    running = read_env(LOCAL / "env")
    if "AWS_ENDPOINT_URL" not in running:
        stages.say("✗ Nothing runs here: start it with make up, in another shell.", "red")
        return 1
    live = LiveCode(Deployment(LOCAL, running["AWS_ENDPOINT_URL"], {}))
    is_live = reload_and_say(live, stages)
    if is_live is None:
        stages.say("Nothing was saved since the last reload.")
    say_what_needs_a_deploy(live, stages)
    return 1 if is_live is False else 0


if __name__ == "__main__":
    sys.exit(main())
