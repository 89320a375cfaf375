"""Pages of our own: HTML, and the scripts and styles that it loads from beside itself."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from aws_lambda_powertools.event_handler import Response

from commerce.entrypoints.http import PathNotFound, file_of_ours

HTML = "text/html; charset=utf-8"
SCRIPT = "text/javascript; charset=utf-8"
STYLE = "text/css; charset=utf-8"
_TYPES = {".js": SCRIPT, ".css": STYLE}

# Everything comes from where the page does, and nothing else is let in; the one exception is images
# that a page or its style sheet holds as data.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page_of_ours(file: Path) -> Response[str]:
    """A page, under a policy that runs no script and loads nothing but what is ours."""
    return file_of_ours(
        _text(file), HTML, **{"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    )


def asset_of_ours(assets: Mapping[str, Path], name: str) -> Response[str]:
    """A script or style by its name; `assets` says in which folders those are that are served.

    Raises PathNotFound for every other name.
    """
    if name not in assets:
        raise PathNotFound
    return file_of_ours(_text(assets[name] / name), _TYPES[Path(name).suffix])


@cache
def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")
