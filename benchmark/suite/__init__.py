"""What is asked: a suite, the rules of a protocol, the settings of a run; documents, nothing resolved."""

from .meant import as_document, choice_of, meant, shipped_default, words_of
from .protocol import PROTOCOLS, Protocol, changed_fields, protocol_from, protocol_key
from .settings import Again, Remeasuring, Settings, TrainingSettings
from .suite import PLAIN_NAME, NamedChoice, Suite, load_suite, plain_name, shipped_suites

__all__ = [
    "PLAIN_NAME",
    "PROTOCOLS",
    "Again",
    "NamedChoice",
    "Protocol",
    "Remeasuring",
    "Settings",
    "Suite",
    "TrainingSettings",
    "as_document",
    "changed_fields",
    "choice_of",
    "load_suite",
    "meant",
    "plain_name",
    "protocol_from",
    "protocol_key",
    "shipped_default",
    "shipped_suites",
    "words_of",
]
