"""Pages that this API serves: HTML, and the scripts and styles that it loads."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from aws_lambda_powertools.event_handler import Response

from commerce.entrypoints.http import PathNotFound, static_file

HTML = "text/html; charset=utf-8"
SCRIPT = "text/javascript; charset=utf-8"
STYLE = "text/css; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
_TYPES = {".js": SCRIPT, ".css": STYLE, ".md": TEXT}

# A page loads from its own origin only, and images also from data in the page or its style sheet.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def serve_page(file: Path) -> Response[str]:
    """Serve a page under a policy that loads and runs nothing from other origins."""
    return static_file(
        _text(file), HTML, **{"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    )


def serve_asset(assets: Mapping[str, Path], name: str) -> Response[str]:
    """Serve a script, style or text; `assets` has folders by file name. Raises PathNotFound."""
    if name not in assets:
        raise PathNotFound
    return static_file(_text(assets[name] / name), _TYPES[Path(name).suffix])


@cache
def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")
