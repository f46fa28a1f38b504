"""Data of the papers that cannot be fetched: who has them, and how they become a file that the app takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """What it is, who has it, and how it is brought."""

    title: str
    who: str
    how: str

    @property
    def words(self) -> str:
        return f"{self.title} cannot be fetched. {self.who} {self.how}"


RECIPES: Mapping[str, Recipe] = {
    "yaleb_10": Recipe(
        "Extended Yale B, 5,850 faces of 10 people (GR-DNN)",
        "The original Yale Face Database B has 10 people in 9 poses and 64 lights, with the 90 ambient ones 5,850 pictures; "
        "ask for it at UC San Diego (vision.ucsd.edu). How GR-DNN cut them to 30 x 40 pixels is not published.",
        "Make a folder for each person, the faces in it cut to 30 x 40 grey, and import it with --image-shape 30x40; hold 850 "
        "out with --n-test 850.",
    ),
    "youtube_faces": Recipe(
        "YouTube Faces, 10,000 frames of 41 people (DSCDAN)",
        "On request from Tel Aviv University (www.cs.tau.ac.il/~wolf/ytfaces); real people, for research.",
        "Take the people in the order of their names, the first 41 with enough frames, the faces brought to 55 x 55 in colour; "
        "a folder for each person, imported with --image-shape 55x55x3.",
    ),
    "multi_pie": Recipe(
        "CMU Multi-PIE, 13,230 faces of 147 people in 5 poses and 6 expressions (DTAGnet)",
        "Under a licence of Carnegie Mellon University (www.cs.cmu.edu/afs/cs/project/PIE/MultiPie).",
        "An .npz with 'images' (n, h, w), 'labels' (the subject), and 'label_pose' and 'label_expression', in this order: "
        "DTAGnet takes K of its inner codes from the further columns in the order in which the file has them, at most two, and "
        "clusters the last codes into the classes.",
    ),
}
"""By the name that ``fetch`` answers to."""
