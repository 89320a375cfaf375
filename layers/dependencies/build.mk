# Run by `sam build` in a copy of a folder with requirements.txt, for the target in layers/targets that template.yaml names.

# The newest glibc of the runtime: python3.11 runs on Amazon Linux 2, newer ones on Amazon Linux 2023.
GLIBC := 2_5 2_12 2_17 2_24 2_26 $(if $(filter-out python3.11,$(PYTHON)),2_27 2_28 2_31 2_34)
MACHINE := $(if $(filter arm64,$(ARCHITECTURE)),aarch64,x86_64)
PLATFORMS := $(foreach version,$(GLIBC),--platform manylinux_$(version)_$(MACHINE)) --platform manylinux2014_$(MACHINE)

PIP := $(PYTHON) -m pip
INSTALL := install --quiet --disable-pip-version-check --no-warn-conflicts --root-user-action=ignore \
  --no-compile --require-hashes --only-binary=:all: --implementation cp --python-version $(PYTHON:python%=%) $(PLATFORMS)

# botocore describes each service of AWS; the functions call these, and the tracer xray.
SERVICES := cloudwatch dynamodb events logs secretsmanager ses sns sqs stepfunctions xray

# What depends on the machine that builds is left out (scripts, and the RECORD that lists them), and the descriptions of
# other services: a quarter of the layer. Bytecode is not checked against its source, as SAM's packages date every file
# to 1980.
build-DependenciesLayer build-MigrationsLayer:
	$(PIP) $(INSTALL) --target "$(ARTIFACTS_DIR)/python" -r requirements.txt
	rm -rf "$(ARTIFACTS_DIR)"/python/bin "$(ARTIFACTS_DIR)"/python/*.dist-info/RECORD
	find "$(ARTIFACTS_DIR)"/python -mindepth 3 -maxdepth 3 -path '*/botocore/data/*' -type d \
	  $(foreach service,$(SERVICES),-not -name $(service)) -exec rm -rf {} +
	PYTHONHASHSEED=0 $(PYTHON) -m compileall -q --invalidation-mode unchecked-hash \
	  -s "$(ARTIFACTS_DIR)" -p /opt "$(ARTIFACTS_DIR)/python"

# Fails where a pinned package has no wheel for the target; installs nothing.
wheels:
	$(PIP) $(INSTALL) --dry-run --no-deps --ignore-installed --target . -r requirements.txt
