"""Every five minutes: carry a tenth of the hour's and day's scores into the next, when due."""

from commerce.app.ranking_jobs import carry_over
from commerce.entrypoints.schedule import schedule_handler

handler = schedule_handler(carry_over)
