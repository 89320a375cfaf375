"""The console as an operator watches it: its verdict and lines, in a real browser."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, expect

from tests.e2e.stack import Stack
from tests.support.browser import TIMEOUT_MS, a_browser

expect.set_options(timeout=TIMEOUT_MS)

SIZES = {"desktop": (1280, 900), "phone": (360, 780)}
GREEN = "All is well"
POLL_SECONDS = 0.5
JPEG_QUALITY = 55


@dataclass(slots=True)
class Expected:
    """Words that some incident should bring to the page, and when they were there first."""

    words: re.Pattern[str]
    panel: str
    since: float = field(default_factory=time.monotonic)
    seen: str = ""
    after_seconds: float | None = None
    is_over: bool = False


@dataclass(slots=True)
class Console:
    """An open console; each look notes which expected words are there, and false greens."""

    page: Page
    expected: list[Expected] = field(default_factory=list)
    lies: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def expect(self, words: str, panel: str = "wrong") -> Expected:
        """Begin to look for words in a panel; the headline and its lines where none is named."""
        made = Expected(re.compile(words, re.IGNORECASE), panel)
        self.expected.append(made)
        return made

    def look(self) -> None:
        """Read the page once."""
        verdict = self.text_of(".verdict")
        for each in self.expected:
            if each.is_over:
                continue
            line = self._line(each)
            if line and each.after_seconds is None:
                each.seen, each.after_seconds = line, time.monotonic() - each.since
            elif line is None and each.after_seconds is not None and verdict == GREEN:
                self.lies.append(f"{GREEN} beside: {each.seen}")

    def wait_for(self, expected: Expected, within_seconds: float) -> None:
        """Look until the words are there. Raises AssertionError where they do not come."""
        deadline = time.monotonic() + within_seconds
        while expected.after_seconds is None:
            assert time.monotonic() < deadline, f"not shown: {expected.words.pattern}"
            self.look()
            time.sleep(POLL_SECONDS)

    def wait_until_gone(self, expected: Expected, within_seconds: float) -> None:
        """Look until the words are no longer there. Raises AssertionError where they stay."""
        expected.is_over = True  # a mended state may be called well
        deadline = time.monotonic() + within_seconds
        while (line := self._line(expected)) is not None:
            assert time.monotonic() < deadline, f"still shown: {line}"
            self.look()
            time.sleep(POLL_SECONDS)

    def wait_until_well(self, within_seconds: float) -> None:
        """Look until the verdict is green. Raises AssertionError with the verdict that stays."""
        deadline = time.monotonic() + within_seconds
        while (shown := self.text_of("#wrong")).partition("\n")[0] != GREEN:
            assert time.monotonic() < deadline, f"not well: {shown}"
            self.look()
            time.sleep(POLL_SECONDS)

    def picture(self, file: Path, panel: str) -> None:
        """Take a panel in light and dark, on a desktop and a phone: FILE-light-phone.jpg …"""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            for size, (width, height) in SIZES.items():
                self.page.set_viewport_size({"width": width, "height": height})
                self.page.locator(f"#{panel}").scroll_into_view_if_needed()
                self.page.screenshot(
                    path=file.with_name(f"{file.name}-{scheme}-{size}.jpg"),
                    type="jpeg",
                    quality=JPEG_QUALITY,
                    animations="disabled",
                )
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size({"width": SIZES["desktop"][0], "height": SIZES["desktop"][1]})

    def text_of(self, selector: str) -> str:
        """Return the text of the first element; none where it is missing or redrawn meanwhile."""
        try:
            found = self.page.locator(selector).first
            return found.inner_text(timeout=1_000).strip() if found.count() else ""
        except Error:
            return ""

    def _line(self, expected: Expected) -> str | None:
        """Return the lines of the panel that have the words; None where they are not there."""
        shown = self.text_of(f"#{expected.panel}")
        found = expected.words.search(shown)
        if found is None:
            return None
        begin = shown.rfind("\n", 0, found.start()) + 1
        return shown[begin:].partition("\n")[0] if "\n" not in found[0] else found[0]


@contextmanager
def open_console(stack: Stack) -> Iterator[Console]:
    """Sign in with the local system's token, and leave the page open."""
    with a_browser() as browser:
        page = _signed_in(browser, stack)
        console = Console(page)
        page.on("pageerror", lambda error: console.errors.append(str(error)))
        yield console


def _signed_in(browser: Browser, stack: Stack) -> Page:
    page = browser.new_context(reduced_motion="reduce").new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(f"{stack.addresses.api_url}/console")
    page.get_by_text("Use a token instead").click()
    page.get_by_label("Access token").fill(stack.addresses.admin_token)
    page.get_by_role("button", name="Use token").click()
    expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()
    return page
