"""`make openapi`: write the OpenAPI document, where it is read and where it is served from."""

from infra.openapi.document import document
from infra.openapi.files import COPIES, text_of

if __name__ == "__main__":
    text = text_of(document())
    for copy in COPIES:
        copy.write_text(text, encoding="utf-8")
        print(f"wrote {copy}")  # noqa: T201
