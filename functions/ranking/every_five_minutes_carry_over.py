"""Every five minutes: a tenth of the last hour's and day's scores goes into the next, when due."""

from commerce.app.ranking_boards import ranking_weights, write_boards
from commerce.entrypoints.schedule import schedule_handler

handler = schedule_handler(
    lambda: {"carried_into": write_boards().carry_over(ranking_weights().get())}
)
