"""Every five minutes: a tenth of the last hour's and day's scores goes into the next, when due."""

from commerce.bootstrap import counting_boards, ranking_weights
from commerce.entrypoints.schedule import schedule_handler

handler = schedule_handler(
    lambda: {"carried_into": counting_boards().carry_over(ranking_weights().get())}
)
