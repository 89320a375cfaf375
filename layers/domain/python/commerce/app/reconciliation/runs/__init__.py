"""Scheduled reconciliation: its runs, and what they found that stands."""

from commerce.app.reconciliation.runs.boards import Compared, compare_boards
from commerce.app.reconciliation.runs.model import Kind, Run
from commerce.app.reconciliation.runs.runner import Ages, ages_seconds, check_books
from commerce.app.reconciliation.runs.views import BooksView, books_view

__all__ = [
    "Ages", "BooksView", "Compared", "Kind", "Run", "ages_seconds", "books_view", "check_books",
    "compare_boards",
]  # fmt: skip
