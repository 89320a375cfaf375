"""Temporary files in memory, where the machine has room for them.

A test's own database is a copy of some five hundred files: on a disk that takes up to a second, in
memory 40 ms.
"""

import os
import shutil
import tempfile
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")  # noqa: S108  (only the parent: each user makes a private directory)
NEEDED_BYTES = 6 * 1024**3


def use_memory() -> None:
    """Let this process and its children make temporary files in memory, unless TMPDIR is set."""
    if "TMPDIR" not in os.environ and _has_room():
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _has_room() -> bool:
    """Return whether there is memory to write to, large enough, and libraries may be loaded there.

    Containers often have 64 MB of it, or forbid to run what is in it.
    """
    if not os.access(MEMORY, os.W_OK) or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        return False
    room = min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available)
    return room >= NEEDED_BYTES
