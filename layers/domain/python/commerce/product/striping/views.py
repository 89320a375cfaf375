"""Views of stock striping."""

from commerce.shared.schemas import View


class StripesView(View):
    """How many rows the stock is dealt out to, and whether an admin has decided it."""

    product_id: str
    stripes: int
    is_fixed: bool
