"""A real browser for the tests of pages: Chromium, driven by Playwright.

It is the machine's own if there is one, else it is installed: by apt if that is allowed, otherwise
by Playwright.
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
    "--no-sandbox",  # root has none, and only our own pages are opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DISABLED = (
    # Pages of the address bar, which each window renders: a third of a short test's work.
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    # Playwright's own, as only the last list counts.
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
INSTALL_SECONDS = 300
TIMEOUT_MS = 200_000  # a function's first call on a busy machine takes a while


@contextmanager
def a_browser() -> "Iterator[Browser]":
    """Start Chromium, installed if necessary; skips the test if it cannot be started."""
    from playwright.sync_api import Error, sync_playwright

    path = _installed() or _installed_by_apt()
    arguments = [*FLAGS, f"--disable-features={','.join(DISABLED)}"]
    with sync_playwright() as playwright:
        if path is None and not os.path.exists(playwright.chromium.executable_path):  # noqa: PTH110
            _install_by_playwright()
        try:
            browser = playwright.chromium.launch(executable_path=path, args=arguments)
        except Error as error:
            pytest.skip(f"no Chromium could be started: install chromium. {error.message[:300]}")
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def a_page(browser: "Browser", **options: Any) -> "Iterator[Page]":
    """Open a page; fails if it violates its content security policy or a script throws."""
    shown = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **options}
    context = browser.new_context(**shown)
    context.set_default_timeout(TIMEOUT_MS)
    opened, errors = context.new_page(), list[str]()
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on(
        "console", lambda line: errors.append(line.text) if _is_violation(line.text) else None
    )
    try:
        yield opened
    finally:
        context.close()
    assert errors == [], errors


def tab_to(page: "Page", key: str) -> None:
    """Press Tab until the element with this key has a visible focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement?.dataset.key") == key:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            return
    raise AssertionError(f"60 tabs do not lead to {key}")


def wider_than_its_window(page: "Page") -> list[str]:
    """Return the elements that reach beyond the right edge of the window."""
    found: list[str] = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
            [...document.querySelectorAll('body *')]
                .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
                .map((each) => `${each.tagName} ${each.className} ${each.id}`)"""
    )
    return found


def _is_violation(line: str) -> bool:
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
    """Return True if it succeeded in time; the caller reports a failure."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
