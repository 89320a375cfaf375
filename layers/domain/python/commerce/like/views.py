"""Views of likes."""

from commerce.shared.schemas import View


class LikeView(View):
    """The caller's like of a product: given or not, as of now."""

    product_id: str
    liked: bool
