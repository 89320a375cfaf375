"""GET /admin/find: an operator finds what an id, transaction key, trace or login id names."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from commerce.app.operations.finding import FindView, NoSuchForm, find
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.shared.schemas import line

TEXT = (
    "An id of anything, the gateway's transaction key (TR-…), the id of a message, request or "
    "trace, or a login id; quotes, brackets and blanks around it are ignored"
)

api = http_api()


@api.get("/admin/find")
def find_by_id(text: Annotated[str, line(200), Query(description=TEXT)], staff: Staff) -> FindView:
    return find(text, scopes=staff.scopes, by=staff.by)


handler = lambda_handler(api, access=Scope.OPS, reads_personal_data=True, refusals=(NoSuchForm,))
