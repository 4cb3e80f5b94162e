"""What the stores of changes, holds and tokens promise, once more on PostgreSQL: the very same tests."""

from __future__ import annotations

import sys
from pathlib import Path

UNIT = Path(__file__).parents[2] / "unit"
AGAIN = ("changes/test_store.py", "identity/test_tokens.py")
ABOUT_THE_FILE = ("test_a_token_is_nowhere_in_the_database", "test_scopes_that_were_written_into_the_row")


def _again() -> None:
    from importlib.util import module_from_spec, spec_from_file_location

    for name in AGAIN:
        spec = spec_from_file_location(f"again_{name.replace('/', '_')[:-3]}", UNIT / name)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        tests = {key: value for key, value in vars(module).items() if key.startswith("test_")}
        assert tests
        vars(sys.modules[__name__]).update(
            {key: value for key, value in tests.items() if not key.startswith(ABOUT_THE_FILE)}
        )


_again()
