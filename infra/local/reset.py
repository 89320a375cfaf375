"""End the local system and forget everything it kept.

python -m infra.local.reset       what `make reset` runs
"""

import shutil

from infra.local import down


def main() -> None:
    """End everything, then remove .local."""
    down.main()
    if down.DIRECTORY.exists():
        shutil.rmtree(down.DIRECTORY)
        print(f"Removed {down.DIRECTORY}.")


if __name__ == "__main__":
    main()
