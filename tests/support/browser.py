"""A real browser for the tests of pages: Chromium, driven by Playwright.

The machine's own is used where there is one. Where there is none it is installed: by apt where
that is allowed, else by Playwright.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--no-sandbox",  # root has none, and it opens nothing but pages of ours
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
INSTALL_SECONDS = 300
PATIENCE_MS = 60_000  # a function's first call on a busy machine takes a while


@contextmanager
def a_browser() -> "Iterator[Browser]":
    """Start Chromium, installing it if need be; skips the test where it cannot be had."""
    from playwright.sync_api import Error, sync_playwright

    path = _installed() or _installed_by_apt()
    with sync_playwright() as playwright:
        if path is None and not os.path.exists(playwright.chromium.executable_path):  # noqa: PTH110
            _install_by_playwright()
        try:
            browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        except Error as error:
            pytest.skip(f"no Chromium could be started: install chromium. {error.message[:300]}")
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def a_page(browser: "Browser", **options: Any) -> "Iterator[Page]":
    """Open a page; in the end it may have broken no policy of its own, nor failed in a script."""
    shown = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **options}
    context = browser.new_context(**shown)
    context.set_default_timeout(PATIENCE_MS)
    opened, wrong = context.new_page(), list[str]()
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda line: wrong.append(line.text) if _is_breach(line.text) else None)
    try:
        yield opened
    finally:
        context.close()
    assert wrong == []


def tab_to(page: "Page", key: str) -> None:
    """Press Tab until the element with this key has the focus, which can be seen."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement?.dataset.key") == key:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            return
    raise AssertionError(f"60 tabs do not lead to {key}")


def wider_than_its_window(page: "Page") -> list[str]:
    """Elements that one would have to scroll sideways for."""
    found: list[str] = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
            [...document.querySelectorAll('body *')]
                .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
                .map((each) => `${each.tagName} ${each.className} ${each.id}`)"""
    )
    return found


def _is_breach(line: str) -> bool:
    return "Content Security Policy" in line or "Content-Security-Policy" in line


def _installed() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def _installed_by_apt() -> str | None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        if not _run(["apt-get", "-qq", *arguments]):
            break
    return _installed()


def _install_by_playwright() -> None:
    _run([sys.executable, "-m", "playwright", "install", "chromium"])


def _run(command: list[str]) -> bool:
    """Whether it succeeded in time; where not, whoever needed it says so."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
