"""Views of stock striping."""

from commerce.shared.schemas import View


class StripesView(View):
    """The rows that the stock is dealt out to; `is_fixed` if an admin has decided it."""

    product_id: str
    stripes: int
    is_fixed: bool
