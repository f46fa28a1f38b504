"""The methods, a folder a family and a file each; the contract they keep, and the registry that finds them.

Uses every room below; imports what is heavy only where training starts. Folders named in ``AFFINITY_LAB_METHODS`` are
searched too, so that a method can live outside the package.
"""

import os

from core.methods.contract import CAPABILITIES, Clusterer, Cost, repeated
from core.methods.presets import Preset
from core.methods.registry import (
    against_paper,
    build,
    completed,
    current,
    current_preset,
    made_for,
    method_class,
    preset_for,
    register,
    registered,
)
from core.methods.rules import RULE, UNKNOWN_K, ByRule, Facts, Rule, in_words

__all__ = [
    "CAPABILITIES",
    "RULE",
    "UNKNOWN_K",
    "ByRule",
    "Clusterer",
    "Cost",
    "Facts",
    "Preset",
    "Rule",
    "against_paper",
    "build",
    "completed",
    "current",
    "current_preset",
    "in_words",
    "made_for",
    "method_class",
    "preset_for",
    "register",
    "registered",
    "repeated",
]

__path__ += [folder for folder in os.environ.get("AFFINITY_LAB_METHODS", "").split(os.pathsep) if folder]
