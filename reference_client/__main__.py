"""``python -m reference_client``."""

import sys

from reference_client.entry import main

if __name__ == "__main__":
    sys.exit(main())
