"""Build and deploy template.yaml to the emulator, with the SAM CLI and nothing but loopback."""

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.errors import LocalError, log_tail
from infra.local.process import ending_with_parent
from infra.template import (
    read_template,
    with_absolute_paths,
    without_versions,
    write_template,
)

ROOT = Path(__file__).parents[2]
STACK_NAME = "lastunit"  # both as in samconfig.toml, environment `local`
REGION = "us-east-1"
STAGE = "v1"
MAIL_SENDER = "shop@example.com"  # the template's, which the emulators take for verified
# What a deploy is made of, besides the template and the code that live reload exchanges: where
# none of it changed, neither build nor deploy is repeated.
INPUTS = (
    "samconfig.toml",
    "layers/dependencies",
    "layers/domain/build.mk",
    "layers/domain/compile_statements.py",
    "layers/domain/requirements.txt",
    "layers/domain/migrations.txt",
    "layers/migrations",
    "layers/targets",
    "infra/stacks",
)
API_ID = "lastunit"  # so that the API's address is the same after each deploy
API_ID_TAG = "ms-custom-id"  # from which the emulator takes it
FINGERPRINT_PARAMETER = "/lastunit/local/fingerprint"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A stack on an emulator: what it is made of, and where."""

    directory: Path
    endpoint: str
    parameters: Mapping[str, str]

    @property
    def port(self) -> int:
        """The emulator's port."""
        return urlsplit(self.endpoint).port or 80

    def structure(self) -> str:
        """Return a digest of what only a deploy brings to the stack: all but code, as it is now."""
        digest = hashlib.sha256(json.dumps(_structural_template(), sort_keys=True).encode())
        for file in sorted(_input_files()):
            content = hashlib.sha256(file.read_bytes()).digest()
            digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + content)
        return digest.hexdigest()

    def fingerprint(self) -> str:
        """Return a digest of structure and parameters; equal ones mean equal resources."""
        parameters = json.dumps(dict(self.parameters), sort_keys=True)
        return hashlib.sha256(f"{API_ID} {parameters} {self.structure()}".encode()).hexdigest()

    def is_current(self, fingerprint: str) -> bool:
        """Tell whether the emulator holds this very deployment, complete."""
        is_complete = self.stack_status() == "CREATE_COMPLETE"
        return is_complete and self._deployed_fingerprint() == fingerprint

    def stack_status(self) -> str | None:
        """Return CloudFormation's status of the stack, None where there is none."""
        stack = self._stack()
        return None if stack is None else str(stack["StackStatus"])

    def build(self, folder: str = "build") -> Path:
        """Run sam build for the Python that runs this, into a folder of the directory.

        Returns the folder. Raises LocalError with the log's end.

        It is given one template without nested functions, so that layers are built once, and
        without versions, which nothing needs here.
        """
        source = self.directory / "template.yaml"
        template = with_absolute_paths(without_versions(read_template()))
        # Code that is saved later has statements that no build has compiled: SQLAlchemy does then.
        template["Globals"]["Function"]["Layers"].append({"Ref": "MigrationsLayer"})
        del template["Resources"]["MigrateFunction"]["Properties"]["Layers"]
        write_template(template, source)
        with _one_build_at_a_time():
            self._sam(
                *("build", "--config-env", "local", "--cached", "--parallel"),
                *("--config-file", str(ROOT / "samconfig.toml")),
                *("--template-file", str(source), "--base-dir", str(ROOT)),
                *("--build-dir", str(self.directory / folder)),
                *("--cache-dir", str(self.directory / "build-cache")),
                *("--parameter-overrides", *_overrides(self.parameters)),
            )
        return self.directory / folder

    def deploy(self, fingerprint: str) -> None:
        """Run sam deploy, and note in the emulator what was deployed. Raises LocalError."""
        built = self.directory / "build" / "template.yaml"
        self._sam(
            *("deploy", "--config-env", "local", "--config-file", str(ROOT / "samconfig.toml")),
            *("--template-file", str(built), "--tags", f"{API_ID_TAG}={API_ID}"),
            *("--parameter-overrides", *_overrides(self.parameters)),
        )
        self._put_gateway_responses()
        set_up_mail(self.client("ses"), self.outputs()["MailFeedbackTopicArn"])
        self.client("ssm").put_parameter(
            Name=FINGERPRINT_PARAMETER, Value=fingerprint, Type="String", Overwrite=True
        )

    def _put_gateway_responses(self) -> None:
        """Give the API the template's gateway responses: the emulator does not read them there."""
        gateway = self.client("apigateway")
        api_id = self.outputs()["ApiId"]
        declared = read_template()["Resources"]["Api"]["Properties"]["GatewayResponses"]
        for response_type, response in declared.items():
            headers = response["ResponseParameters"]["Headers"]
            status = response.get("StatusCode")
            gateway.put_gateway_response(
                restApiId=api_id,
                responseType=response_type,
                **({"statusCode": str(status)} if status else {}),
                responseParameters={
                    f"gatewayresponse.header.{name}": self._substituted(value)
                    for name, value in headers.items()
                },
                responseTemplates=response["ResponseTemplates"],
            )
        gateway.create_deployment(restApiId=api_id, stageName=STAGE)

    def _substituted(self, value: str | dict[str, str]) -> str:
        if isinstance(value, str):
            return value
        origin = self.parameters.get("AllowedOrigin", "*")
        return value["Fn::Sub"].replace("${AllowedOrigin}", origin)

    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs by name."""
        stack = self._stack() or {}
        return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}

    def api_url(self) -> str:
        """Return the base URL at which the emulator serves the API."""
        return f"{self.endpoint}/_aws/execute-api/{self.outputs()['ApiId']}/{STAGE}"

    def invoke(self, function_name: str, event: Mapping[str, Any]) -> Any:
        """Invoke a function and return its answer. Raises LocalError where it fails."""
        answer = self.client("lambda").invoke(
            FunctionName=function_name, Payload=json.dumps(event).encode()
        )
        payload = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            raise LocalError(f"{function_name} failed: {payload}")
        return json.loads(payload)

    def client(self, service: str) -> Any:
        """Return a boto3 client that can reach nothing but the emulator."""
        return boto3.client(  # type: ignore[call-overload]  # stubs want a literal
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - the emulator asks for one
            config=Config(proxies={}, retries={"total_max_attempts": 1}, read_timeout=330),
        )

    def _stack(self) -> dict[str, Any] | None:
        try:
            found = self.client("cloudformation").describe_stacks(StackName=STACK_NAME)
        except ClientError:
            return None
        return next(iter(found["Stacks"]), None)

    def _deployed_fingerprint(self) -> str | None:
        ssm = self.client("ssm")
        try:
            return str(ssm.get_parameter(Name=FINGERPRINT_PARAMETER)["Parameter"]["Value"])
        except ssm.exceptions.ParameterNotFound:
            return None

    def _sam(self, *arguments: str) -> None:
        log = self.directory / "log" / f"sam-{arguments[0]}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        program = Path(sysconfig.get_path("scripts")) / "sam"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*ending_with_parent(signal.SIGTERM), program, *arguments],
                cwd=ROOT,
                env=_sam_environment(self.directory, self.endpoint),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = process.wait()
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        if code != 0:
            raise LocalError(f"sam {arguments[0]} failed; {log} ends with:\n{log_tail(log, 30)}")


def python_runtime() -> str:
    """Return the Lambda runtime that fits this interpreter: functions run under its like."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


@contextmanager
def _one_build_at_a_time() -> Iterator[None]:
    """SAM keeps the builds' dependencies in one directory of the checkout; two builds collide."""
    shared = ROOT / ".aws-sam"
    shared.mkdir(exist_ok=True)
    with (shared / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _structural_template() -> dict[str, Any]:
    """Return the template without the schema's revision: migrations need no deploy."""
    template = read_template()
    template["Resources"]["Migration"]["Properties"].pop("SchemaRevision")
    return template


def _input_files() -> Iterator[Path]:
    for name in INPUTS:
        path = ROOT / name
        for file in path.rglob("*") if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                yield file


def _overrides(parameters: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in parameters.items()]


def _sam_environment(directory: Path, endpoint: str) -> dict[str, str]:
    """Return an environment in which SAM finds this Python, and no AWS account but the emulator.

    Its settings directory says that the weekly look for a newer version was just done: that
    look would leave the machine.
    """
    settings = directory / "sam"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "metadata.json").write_text(json.dumps({"lastVersionCheck": time.time()}))
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "PYTHON", "SAM_"))
    }
    return {
        **inherited,
        "PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "NO_PROXY": "127.0.0.1,localhost",
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(settings),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def set_up_mail(ses: Any, topic_arn: str) -> None:
    """Let SES take mails from the shop, and report bounces and complaints to the topic."""
    ses.verify_email_identity(EmailAddress=MAIL_SENDER)
    for kind in ("Bounce", "Complaint"):
        ses.set_identity_notification_topic(
            Identity=MAIL_SENDER, NotificationType=kind, SnsTopic=topic_arn
        )
