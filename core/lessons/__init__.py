"""Lessons as data: their form, and where each knob is taught.

Uses `core.sweeps`, `core.runs` and rooms below.
"""

from core.lessons.reading import MOST_WORDS, TOLD, Lesson, Predict, Step, lesson_on, lessons, read_lesson

__all__ = ["MOST_WORDS", "TOLD", "Lesson", "Predict", "Step", "lesson_on", "lessons", "read_lesson"]
