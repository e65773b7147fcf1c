"""Seconds of work before hours: what is wrong with a network, a method on it, or how pictures reach it."""

from .examining import examine, made_up_pictures, patients_of_suite
from .findings import Example, Finding, Patient, as_json, exit_code, printed

__all__ = [
    "Example",
    "Finding",
    "Patient",
    "as_json",
    "examine",
    "exit_code",
    "made_up_pictures",
    "patients_of_suite",
    "printed",
]
