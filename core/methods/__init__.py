"""The methods, one file each; a file that registers a class is all that a new method needs.

Folders named in ``AFFINITY_LAB_METHODS`` are searched too, so that a method can live outside the package.
"""

import os

__path__ += [folder for folder in os.environ.get("AFFINITY_LAB_METHODS", "").split(os.pathsep) if folder]
