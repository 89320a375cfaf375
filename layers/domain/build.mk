# Run by `sam build` in a copy of this folder, for the target in layers/targets that template.yaml names.

# Compiling statements needs SQLAlchemy. It is there where our own environment builds; in SAM's build image it is not.
build-DomainLayer:
	mkdir -p "$(ARTIFACTS_DIR)"
	tar -cf - --exclude __pycache__ python | tar -xf - -C "$(ARTIFACTS_DIR)"
	$(PYTHON) -c 'import sqlalchemy' 2>/dev/null || $(PYTHON) -m pip install --quiet --disable-pip-version-check \
	  --no-warn-conflicts --root-user-action=ignore --require-hashes --only-binary=:all: --target installed -r requirements.txt -r migrations.txt
	PYTHONPATH="$(ARTIFACTS_DIR)/python:installed" $(PYTHON) -B compile_statements.py
	PYTHONHASHSEED=0 $(PYTHON) -m compileall -q --invalidation-mode unchecked-hash \
	  -s "$(ARTIFACTS_DIR)" -p /opt "$(ARTIFACTS_DIR)/python"
