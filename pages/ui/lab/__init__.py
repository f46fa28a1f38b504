"""The lab: embedding and affinity of runs, linked and through time, as one component that asks the server for nothing.

`component` registers what stands in the files beside this one, `panel` hands a run or several over to it.
"""

from pages.ui.lab.panel import Seen, lab

__all__ = ["Seen", "lab"]
