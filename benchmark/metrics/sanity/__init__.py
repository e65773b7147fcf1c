"""Does the map depend on what the network has learned, and on the class that is asked about?"""

from . import randomisation  # noqa: F401
