"""The build: from book/ to notebooks/ and the site, and what checks them."""

import sys

# jsonschema takes it where it is installed, and its import builds 38 grammars: seconds
# in every process, for formats that no notebook has.
sys.modules.setdefault("rfc3987_syntax", None)
