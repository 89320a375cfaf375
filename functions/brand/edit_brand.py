"""PATCH /admin/brands/{brand_id}: an admin edits a brand, unless another did meanwhile."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.catalogue import catalogue
from commerce.app.transactions import in_transaction
from commerce.brand import BrandFacade, BrandNotFound, BrandView, EditBrand
from commerce.entrypoints.http import IfMatch, Scope, Staff, http_api, lambda_handler, with_etag

api = http_api()


@api.patch("/admin/brands/<brand_id>")
def edit_brand(
    brand_id: str, command: EditBrand, staff: Staff, if_match: IfMatch
) -> Response[BrandView]:
    edited = in_transaction(BrandFacade.edit, brand_id, command, by=staff.by, if_match=if_match)
    catalogue().forget_brand(edited.brand.brand_id)
    return with_etag(edited.brand, edited.version)


handler = lambda_handler(api, access=Scope.CATALOGUE, refusals=(BrandNotFound,))
