"""Which network: checkpoint cards, architectures with average or max pooling, and verified loading."""

from .building.architectures import build_module
from .building.compiled import Compile, compile_stages
from .building.scores import UnusableScoresError, reader_of
from .card import Card, WeightSource, read_card
from .catalogue import card_files, find_card, shipped_cards
from .classes import ClassList, load_classes, shipped_class_lists
from .libraries.inputs import resolved
from .libraries.names import library_names
from .libraries.writing import written_card
from .loading import load_network, network_from_module
from .network import Network, state_sha256
from .own import function_of
from .weights.cache import cache_folder
from .weights.download import remote_size
from .weights.files import local_weights_sha256
from .weights.places import WeightFile, fetch_weights, weight_files
from .weights.recognising import architecture_of

__all__ = [
    "Card",
    "ClassList",
    "Compile",
    "Network",
    "UnusableScoresError",
    "WeightFile",
    "WeightSource",
    "architecture_of",
    "build_module",
    "cache_folder",
    "card_files",
    "compile_stages",
    "fetch_weights",
    "find_card",
    "function_of",
    "library_names",
    "load_classes",
    "load_network",
    "local_weights_sha256",
    "network_from_module",
    "read_card",
    "reader_of",
    "remote_size",
    "resolved",
    "shipped_cards",
    "shipped_class_lists",
    "state_sha256",
    "weight_files",
    "written_card",
]
