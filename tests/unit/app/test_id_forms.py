"""A text that was typed or pasted is read as the id that it holds, or refused."""

import pytest

from commerce.app.operations.finding import NoSuchForm
from commerce.app.operations.finding.form import Form

OURS = "0198c0de-0000-7000-8000-00000000000c"
RANDOM = "1f7c1f3e-5b0f-4c39-9d0b-6e2a7e0c9a41"


@pytest.mark.parametrize(
    "typed",
    [
        OURS.upper(),
        f"  {OURS}\t",
        f'"{OURS}"',
        f"“{OURS}”",
        f"`{OURS}`,",
        f"({OURS}).",
        f"\u200b{OURS}\ufeff",
        f"\u2068{OURS}\u2069",
        f"https://shop.example/v1/console#order={OURS}",
        f"<…/console#payment={OURS}>",
    ],
)
def test_an_id_is_read_without_what_surrounds_it(typed: str) -> None:
    form = Form.of(typed)
    assert (form.text, str(form.id), form.is_ours) == (OURS, OURS, True)


@pytest.mark.parametrize(
    "typed", ["", "  ", '""', "two words", "a\0b", "Ünïcode", 'a"b', "a\\b", "one\ntwo", "<>"]
)
def test_what_is_no_single_word_of_an_id_is_refused(typed: str) -> None:
    with pytest.raises(NoSuchForm):
        Form.of(typed)


def test_a_random_id_may_be_a_request_and_is_not_one_of_ours() -> None:
    form = Form.of(RANDOM)
    assert (form.is_ours, form.may_be_trace, form.is_login_id) == (False, True, False)


def test_a_transaction_key_is_looked_for_in_the_case_that_the_gateway_writes() -> None:
    assert Form.of("tr-00FF").keys == ["TR-00FF", "TR-00ff"]
    assert Form.of("TR-00ff").keys == ["TR-00ff"]
    assert not Form.of("TR-00ff").may_be_trace


def test_a_login_id_has_at_most_ten_characters_and_keeps_its_case() -> None:
    assert (Form.of("Coyote").text, Form.of("Coyote").is_login_id) == ("Coyote", True)
    assert not Form.of("coyote12345").is_login_id
    assert Form.of("coyote12345").may_be_trace
