"""Stock as staff change it: what joins it with the orders that hold units."""

from commerce.app.stock.changes import adjust_stock, set_stock

__all__ = ["adjust_stock", "set_stock"]
