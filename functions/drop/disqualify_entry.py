"""POST /admin/drops/{drop_id}/disqualifications: staff disqualify an entry by a public rule."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import drops
from commerce.app.transactions import once
from commerce.drop import (
    Disqualify,
    DropLocked,
    DropNotFound,
    DropView,
    EntryFinished,
    EntryNotFound,
)
from commerce.entrypoints.http import (
    IfMatch,
    OptionalRequestKey,
    Scope,
    Staff,
    http_api,
    lambda_handler,
    with_etag,
)

api = http_api()


@api.post("/admin/drops/<drop_id>/disqualifications")
def disqualify_entry(
    drop_id: str, command: Disqualify, staff: Staff, if_match: IfMatch, key: OptionalRequestKey
) -> Response[DropView]:
    drop = once(key, drops.disqualify_entry, drop_id, command, by=staff.by, if_match=if_match)
    return with_etag(drop, drop.version)


handler = lambda_handler(
    api,
    access=Scope.DROPS,
    idempotent="optional",
    refusals=(
        DropNotFound,
        EntryNotFound,
        EntryFinished,
        DropLocked,
    ),
)
