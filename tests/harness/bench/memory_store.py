"""Powertools' idempotency records in memory, for benchmarks: what it would ask DynamoDB counts."""

from collections import Counter
from typing import Any

from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord


class MemoryStore(BasePersistenceLayer):
    """A dictionary; each call is one that DynamoDB would have had."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._counts = counts
        self._records: dict[str, DataRecord] = {}

    def _get_record(self, idempotency_key: Any) -> DataRecord:
        self._counts["store"] += 1
        try:
            return self._records[idempotency_key]
        except KeyError as error:
            raise IdempotencyItemNotFoundError from error

    def _put_record(self, data_record: DataRecord) -> None:
        self._counts["store"] += 1
        if data_record.idempotency_key in self._records:
            raise IdempotencyItemAlreadyExistsError
        self._records[data_record.idempotency_key] = data_record

    def _update_record(self, data_record: DataRecord) -> None:
        self._counts["store"] += 1
        self._records[data_record.idempotency_key] = data_record

    def _delete_record(self, data_record: DataRecord) -> None:
        self._counts["store"] += 1
        self._records.pop(data_record.idempotency_key, None)
