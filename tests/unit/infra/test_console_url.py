"""The console's address that alerts link to: what the template takes, and what is local."""

import re

import pytest

from infra.local.deployment import API_ID, STAGE
from infra.local.system import CONSOLE_PATH
from infra.template import read_template

PARAMETER = read_template()["Parameters"]["ConsoleUrl"]


@pytest.mark.parametrize(
    "url",
    [
        PARAMETER["Default"],
        f"http://127.0.0.1:4566{CONSOLE_PATH}",
        "https://abcdefghij.execute-api.ap-northeast-2.amazonaws.com/v1/console",
        "https://shop.example/api/console",
    ],
)
def test_an_address_of_a_console_is_taken(url: str) -> None:
    assert re.fullmatch(PARAMETER["AllowedPattern"], url)


@pytest.mark.parametrize(
    "url", ["", "https://shop.example", "https://shop.example/console#x", "javascript:/console"]
)
def test_another_address_is_refused(url: str) -> None:
    assert not re.fullmatch(PARAMETER["AllowedPattern"], url)


def test_the_local_console_is_below_the_local_api() -> None:
    assert f"/{API_ID}/{STAGE}/console" in CONSOLE_PATH
