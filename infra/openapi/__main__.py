"""`make openapi`: write the OpenAPI document from what the functions declare."""

from infra.openapi.document import document
from infra.openapi.files import DOCUMENT, text_of

if __name__ == "__main__":
    DOCUMENT.write_text(text_of(document()), encoding="utf-8")
    print(f"wrote {DOCUMENT}")  # noqa: T201
