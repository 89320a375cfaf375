"""Checks whether a page is accessible, as far as a script can."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHECKS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def problems(page: "Page", place: str = "body") -> list[str]:
    """Return the faults of a part of the page: names, headings, contrast, sizes of targets."""
    found: list[str] = page.locator(place).last.evaluate(CHECKS)
    return found
