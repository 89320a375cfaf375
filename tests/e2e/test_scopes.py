"""Every operation with every scope over HTTP, as the generated table has them."""

import re
import uuid

from infra.template import ROOT
from tests.e2e.caller import Answer, Caller
from tests.e2e.shop import Shop

TABLE = ROOT / "docs" / "scopes.md"
ROW = re.compile(r"^\| ([A-Z]+) (/admin\S*) \| `([a-z:]+)` \|$", re.MULTILINE)


def operations() -> list[tuple[str, str, str]]:
    """Return method, path and scope of each operation of the table."""
    return ROW.findall(TABLE.read_text(encoding="utf-8"))


def staff_with(shop: Shop, scope: str) -> Caller:
    """A user to whom an admin has granted one scope, signed in since."""
    buyer = shop.new_buyer()
    path = f"/admin/staff/{buyer.user['user_id']}"
    shop.admin.send("PUT", path, {"scopes": [scope]}).require(200)
    opened = shop.anyone.open_session(buyer.user["login_id"], buyer.password).require(201)
    return shop.anyone.with_token(opened["access_token"])


def missing_scope(answer: Answer) -> str | None:
    """Return the scope that a refusal asks for."""
    problem = answer.require_problem(answer.status)
    found: str | None = problem.get("scope") if problem["code"] == "MISSING_SCOPE" else None
    return found


def test_each_scope_opens_its_operations_and_no_others(shop: Shop) -> None:
    """Nothing is changed: what is let in lacks its body, or is of an id that nothing has."""
    found, wrong = operations(), []
    scopes = sorted({scope for _, _, scope in found})
    assert len(found) > 40
    assert len(scopes) == 10
    for held in scopes:
        staff = staff_with(shop, held)
        for method, path, needed in found:
            answer = staff.send(method, re.sub(r"{\w+}", str(uuid.uuid4()), path))
            if held in (needed, "admin"):
                is_right = answer.status not in (401, 403) and answer.status < 500
            else:
                is_right = answer.status == 403 and missing_scope(answer) == needed
            if not is_right:
                wrong.append((held, answer))
    assert wrong == []
