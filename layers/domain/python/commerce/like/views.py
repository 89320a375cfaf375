"""Views of likes."""

from commerce.shared.schemas import View


class LikeView(View):
    """Whether the caller likes the product, now."""

    product_id: str
    liked: bool
