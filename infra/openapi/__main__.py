"""`make openapi`: write the OpenAPI document and the table of scopes from the functions."""

from infra.openapi import scopes
from infra.openapi.document import document
from infra.openapi.files import DOCUMENT, text_of

if __name__ == "__main__":
    for file, text in ((DOCUMENT, text_of(document())), (scopes.PAGE, scopes.page())):
        file.write_text(text, encoding="utf-8")
        print(f"wrote {file}")  # noqa: T201
