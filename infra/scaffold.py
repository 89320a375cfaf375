"""Write the files of a new function or migration, which fail until they are filled in.

    python -m infra.scaffold function user/greet_me GET /users/me/greeting
    python -m infra.scaffold migration orders_have_a_note

What `make function` and `make migration` run. A path below /admin is for staff, any other for the
signed-in user, unless --access says `anyone`.
"""

import argparse
import json
import re
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from infra.local.errors import LocalError
from infra.local.samples import (
    API_KEY_ID,
    BRAND_ID,
    COUPON_ID,
    ORDER_ID,
    PAYMENT_ID,
    PRODUCT_ID,
    USER_ID,
)
from infra.template import ROOT

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
WRITES = ("POST", "PUT", "PATCH", "DELETE")
_NAME = re.compile(r"(?P<context>[a-z]+)/(?P<use_case>[a-z]+(_[a-z]+)+)")
_PARAMETER = re.compile(r"\{(\w+)\}")
_SAMPLE_IDS = {
    "product_id": PRODUCT_ID, "brand_id": BRAND_ID, "order_id": ORDER_ID, "user_id": USER_ID,
    "payment_id": PAYMENT_ID, "coupon_id": COUPON_ID, "api_key_id": API_KEY_ID,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewFunction:
    """An HTTP function that is to be written."""

    context: str
    use_case: str
    method: str
    path: str
    access: str
    """USER, STAFF or ANYONE."""

    @property
    def name(self) -> str:
        """Its name in commands and tests: context/use_case."""
        return f"{self.context}/{self.use_case}"

    @property
    def logical_id(self) -> str:
        """Its name in the template."""
        return "".join(word.title() for word in self.use_case.split("_")) + "Function"

    @property
    def parameters(self) -> list[str]:
        """The names of the path's parameters."""
        return _PARAMETER.findall(self.path)

    @property
    def role(self) -> str:
        """The role with the permissions that such a function usually needs."""
        if self.access == "ANYONE":
            return "DatabaseRole"
        return "WriteRole" if self.method in WRITES else "SignedInRole"

    @property
    def sample_path(self) -> str:
        """The path of its sample event."""
        return _PARAMETER.sub(lambda match: _sample_id(match[1]), self.path)

    def handler(self) -> str:
        """Return the function's file."""
        caller = {"USER": "buyer: Buyer", "STAFF": "staff: Staff"}.get(self.access)
        arguments = ", ".join(filter(None, [*(f"{name}: str" for name in self.parameters), caller]))
        identity = {"USER": "Buyer, ", "STAFF": "Staff, "}.get(self.access, "")
        access = {"USER": "USER, ", "STAFF": "Scope, "}.get(self.access, "")
        declared = {"USER": ", access=USER", "STAFF": ", access=Scope.ADMIN"}.get(self.access, "")
        path = _PARAMETER.sub(r"<\1>", self.path)
        names = f"{access}{identity}http_api, lambda_handler"
        return f'''"""{self.method} {self.path}: {self._sentence()}."""

from commerce.entrypoints.http import {names}

api = http_api()


@api.{self.method.lower()}("{path}")
def {self.use_case}({arguments}) -> dict[str, str]:
    raise NotImplementedError("{self.name}: call its use case, and return its view")


handler = lambda_handler(api{declared})
'''

    def template_entry(self) -> str:
        """Return its resource in template.yaml."""
        quoted = f'"{self.path}"' if self.parameters else self.path
        live = "" if self.path.startswith("/admin") else _LIVE
        return f"""  {self.logical_id}:
    Type: AWS::Serverless::Function
    Properties:
      Handler: {self.context}.{self.use_case}.handler
      Role: !GetAtt {self.role}.Arn
{live}      Events:
        Http:
          Type: Api
          Properties: {{RestApiId: !Ref Api, Method: {self.method.lower()}, Path: {quoted}}}
"""

    def test(self) -> str:
        """Return its first test."""
        token = {"USER": "a_buyer().token", "STAFF": "an_admin().token"}.get(self.access)
        source = {"USER": "shop import a_buyer", "STAFF": "admin import an_admin"}.get(self.access)
        shop = f"from tests.support.{source}\n" if source else ""
        arguments = [f'"{self.name}"', f'"{self.method}"', f'"{self.sample_path}"']
        arguments += [f"token={token}"] if token else []
        lines = "".join(f"        {each},\n" for each in arguments)
        return f'''"""{self._sentence().capitalize()}: {self.method} {self.path}."""

import pytest

from tests.support.lambda_calls import call
{shop}
pytestmark = pytest.mark.usefixtures("shop_environment")


def test_{self.use_case}_says_in_its_name_what_it_does() -> None:
    answer = call(
{lines}    )

    assert answer.status == 200, answer.json
    assert answer.json == {{"fill in": "every field, with its exact value"}}
'''

    def scenario(self) -> str:
        """Return its scenario for `make faults`."""
        who = {"USER": ", token=case.buyer.token", "STAFF": ", token=case.admin.token"}
        arguments = who.get(self.access, "")
        return f'''    Scenario(
        "{self.use_case}", "{self.name}", a_case,
        lambda case: answered(
            call(
                "{self.name}", "{self.method}",
                "{self.sample_path}"{arguments},
            )
        ),
        frozenset({{"fill in: the answers that are right"}}),
    ),
'''

    def door(self) -> str:
        """Return its row in the table of routes that refuse strangers."""
        return f'    ("{self.method}", "{_PARAMETER.sub("{order}", self.path)}", None),\n'

    def sample(self, root: Path) -> dict[str, Any]:
        """Return its sample event, made of another one's."""
        event: dict[str, Any] = json.loads((root / "events/http/get_me.json").read_text("utf-8"))
        if self.access == "ANYONE":
            for headers in ("headers", "multiValueHeaders"):
                del event[headers]["Authorization"]
        parameters = {name: _sample_id(name) for name in self.parameters}
        event |= {
            "resource": self.path,
            "path": self.sample_path,
            "httpMethod": self.method,
            "pathParameters": parameters or None,
        }
        event["requestContext"] |= {
            "httpMethod": self.method,
            "path": f"/v1{self.sample_path}",
            "resourcePath": self.path,
            "requestId": str(uuid.uuid4()),
        }
        return event

    def _sentence(self) -> str:
        who = {"USER": "a user", "STAFF": "staff"}.get(self.access, "anyone")
        verb, _, rest = self.use_case.partition("_")
        verb = f"{verb}es" if verb.endswith(("s", "sh", "ch", "x")) else f"{verb}s"
        return f"{who} {verb} {rest.replace('_', ' ')}"


_LIVE = """      AutoPublishAlias: live
      DeploymentPreference: {Enabled: !Ref CanaryDeployment}
"""


def _sample_id(parameter: str) -> str:
    return _SAMPLE_IDS.get(parameter, parameter)


def write_function(new: NewFunction, root: Path = ROOT) -> list[Path]:
    """Write the function and all that belongs to it; returns the files.

    Raises LocalError, with nothing written, where one of them is there already.
    """
    source = root / "functions" / new.context / f"{new.use_case}.py"
    event = root / "events" / "http" / f"{new.use_case}.json"
    test = root / "tests" / "integration" / new.context / f"test_{new.use_case}.py"
    template = root / "template.yaml"
    admins = new.access == "STAFF"
    scenarios = root / "tests/harness/crash" / ("admins.py" if admins else "shoppers.py")
    for file in (source, event, test):
        if file.exists():
            raise LocalError(f"{file.relative_to(root)} is there already.")
    changed = {
        template: _with_entry(template.read_text("utf-8"), new),
        scenarios: _before_end(scenarios.read_text("utf-8"), new.scenario()),
        source: new.handler(),
        event: json.dumps(new.sample(root), indent=2) + "\n",
        test: new.test(),
    }
    if new.access != "ANYONE":
        doors = root / "tests/e2e/test_refused_callers.py"
        table = "ADMIN_DOORS" if admins else "USER_DOORS"
        changed[doors] = _with_door(doors.read_text("utf-8"), table, new.door())
    for file, text in changed.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return list(changed)


def _with_entry(template: str, new: NewFunction) -> str:
    """Add the resource at the end of its context's section."""
    if f"\n  {new.logical_id}:\n" in template:
        raise LocalError(f"template.yaml has a {new.logical_id} already.")
    start = re.search(rf"^  # --- {new.context} -+$", template, re.MULTILINE)
    if start is None:
        known = re.findall(r"^  # --- ([a-z]+) -+$", template, re.MULTILINE)
        raise LocalError(
            f"template.yaml has no section `# --- {new.context} ---`; it has {', '.join(known)}."
        )
    end = template.index("\n  # --- ", start.end())
    return f"{template[:end]}\n{new.template_entry()}{template[end:]}"


def _before_end(module: str, scenario: str) -> str:
    end = module.rindex(")  # fmt: skip")
    return module[:end] + scenario + module[end:]


def _with_door(module: str, table: str, row: str) -> str:
    end = module.index("\n]", module.index(f"{table}: ")) + 1
    return module[:end] + row + module[end:]


def write_migration(name: str, root: Path = ROOT) -> list[Path]:
    """Write the next migration, and its number where code and template name the newest one."""
    if re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", name) is None:
        raise LocalError(f"NAME={name} is no name: words_like_these")
    config = Config()
    config.set_main_option("script_location", str(root / "infra" / "migrations"))
    newest = str(ScriptDirectory.from_config(config).get_current_head())
    number = f"{int(newest) + 1:04}"
    places = {
        root / "layers/domain/python/commerce/runtime/health.py": 'SCHEMA_REVISION = "{}"',
        root / "template.yaml": 'SchemaRevision: "{}"',
    }
    texts = {file: file.read_text("utf-8") for file in places}
    for file, form in places.items():
        if form.format(newest) not in texts[file]:
            raise LocalError(f"{file.relative_to(root)} does not say {form.format(newest)}.")
    message = name.replace("_", " ").capitalize()
    made = command.revision(config, message=message, rev_id=number)
    for file, form in places.items():
        file.write_text(texts[file].replace(form.format(newest), form.format(number)), "utf-8")
    return [Path(str(getattr(made, "path", ""))), *places]


def _new_function(options: argparse.Namespace) -> NewFunction:
    named = _NAME.fullmatch(options.name)
    if named is None:
        raise LocalError(f"NAME={options.name} is no name: context/verb_noun, as user/greet_me")
    method = options.method.upper()
    if method not in METHODS or not options.path.startswith("/"):
        raise LocalError("METHOD is one of " + ", ".join(METHODS) + "; PATH_ begins with /")
    access = "STAFF" if options.path.startswith("/admin/") else "USER"
    if options.access == "anyone":
        access = "ANYONE"
    return NewFunction(named["context"], named["use_case"], method, options.path, access)


FUNCTION_STEPS = """
Next: fill in what fails
    functions/{name}.py            its use case, its view and its refusals (below /admin: its
                                   scope too); then make openapi
    template.yaml                  the role {role}, where it needs other permissions
    events/http/{use_case}.json    its body, where it has one
    tests/integration/{context}/test_{use_case}.py
    tests/harness/crash            its scenario: make faults ARGS="{use_case}"
make check says what is missing. make down; make up deploys it; then saving it is enough."""
MIGRATION_STEPS = """
Next: change tables.py and fill in upgrade() and downgrade(); CONTRIBUTING.md has the table of what
is safe. While `make up` runs, saving the migration applies it.
    .venv/bin/pytest tests/contract/test_schema.py"""


def main(arguments: list[str] | None = None) -> int:
    """Write what is named; say which files, and what is left to do."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.scaffold",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    function = kinds.add_parser("function")
    for name in ("name", "method", "path"):
        function.add_argument(name)
    function.add_argument("--access", choices=["anyone"])
    kinds.add_parser("migration").add_argument("name")
    options = parser.parse_args(arguments)
    try:
        if options.kind == "migration":
            written, steps = write_migration(options.name), MIGRATION_STEPS
        else:
            new = _new_function(options)
            written = write_function(new)
            steps = FUNCTION_STEPS.format(
                name=new.name, context=new.context, use_case=new.use_case, role=new.role
            )
    except LocalError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    for file in written:
        print(f"    {file.relative_to(ROOT)}")
    print(steps)
    return 0


if __name__ == "__main__":
    sys.exit(main())
