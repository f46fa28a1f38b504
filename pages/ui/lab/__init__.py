"""The lab: embedding and affinity of runs, linked and through time, as one component that asks the server for nothing.

`component` registers what stands in the scripts beside it, `panel` hands films over to it, `stills` what else can be shown of
a run that is over, `living` small pictures that move by themselves.
"""

from pages.ui.lab.living import living
from pages.ui.lab.panel import Film, Seen, codes_of, film_of, lab, pictures_of, single_frame
from pages.ui.lab.stills import Stills

__all__ = [
    "Film",
    "Seen",
    "Stills",
    "codes_of",
    "film_of",
    "lab",
    "living",
    "pictures_of",
    "single_frame",
]
