"""Where the course is published, as the environment says.

`D2L_REPOSITORY=owner/name` is its repository on GitHub, `D2L_SITE` the
address of the site's start page. Either may be unset.
"""

import os
import re
import sys

REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
SITE = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~-]+)*/?")


def repository() -> str | None:
    """Return the repository as `owner/name`."""
    return _read("D2L_REPOSITORY", REPOSITORY, "owner/name")


def address() -> str | None:
    """Return the address of the site, ending in a slash."""
    site = _read("D2L_SITE", SITE, "https://host/folder")
    return site and site.rstrip("/") + "/"


def _read(variable: str, pattern: re.Pattern, form: str) -> str | None:
    """Return a variable of the environment, or stop where it is malformed."""
    value = os.environ.get(variable) or None
    if value and not pattern.fullmatch(value):
        sys.exit(f"{variable}={value!r} must have the form {form}")
    return value
