"""Runs checks one after the other and says how each went: one line a check, `ok NAME` or `FAIL NAME: why`."""

import sys
import traceback

CHECKS = []


def check(function):
    """Registers a check; its name, with spaces, is what it shows."""
    CHECKS.append(function)
    return function


def refused(call, code, status=None):
    """The error that a user sees: its code, and its HTTP status where one is given."""
    try:
        call()
    except Exception as error:
        found = getattr(error, "error_code", None)
        found = getattr(found, "value", found)
        assert found == code, f"{found} instead of {code}: {error}"
        if status is not None:
            assert error.status_code == status, f"{error.status_code} instead of {status}"
        return error
    raise AssertionError(f"it went well instead of {code}")


def main():
    failures = 0
    for function in CHECKS:
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok {name}", flush=True)
        except Exception as error:
            failures += 1
            place = traceback.extract_tb(error.__traceback__)[-1]
            why = " ".join(str(error).split()) or type(error).__name__
            print(f"FAIL {name}: {type(error).__name__}: {why[:600]} ({place.name}:{place.lineno})", flush=True)
    print(f"{len(CHECKS) - failures} passed, {failures} failed", flush=True)
    sys.exit(1 if failures else 0)
