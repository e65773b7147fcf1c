"""A result folder: what is in it, what it promises, and the numbers that all readers share."""

from .archive import pack, unpack
from .clearing import clear_results, results_in
from .comparable import difference, protocol_changes
from .complete import find_gaps, refuse_lost_rows
from .facts import facts_of, registered_facts
from .folder import (
    NO_CHECKPOINT,
    SUMMARY_COLUMNS,
    ResultFolder,
    open_results,
    read_lists,
    read_manifest,
    read_predictions,
    read_records,
    safe_name,
)
from .layout import (
    BUNDLE_MANIFEST,
    MAX_FILES,
    MAX_TOTAL_BYTES,
    card_file,
    collisions,
    is_known_name,
    is_plain_name,
    predictions_file,
    records_file,
    size_limit,
)
from .lists import LIST_COLUMNS, read_integers, read_numbers, write_integers, write_numbers
from .manifest import Manifest, refuse_other_definition, write_manifest
from .predictions import prediction_batches
from .remarks import remarks
from .rows import (
    NOTE_COLUMNS,
    PREDICTION_COLUMNS,
    RECORD_COLUMNS,
    STATUSES,
    RowStore,
    disk_error,
    set_aside,
    write_atomically,
)
from .scores import Cell, Column, RankRange, Row, Table, column_for
from .sections import Board, BoardRow, Excluded, PublishedRow, Score, Section
from .summary import Summary, summarise_predictions, summarise_records, write_summary
from .thumbnail_choice import REASONS, Choice, Chosen, choose_from, network_rows, read_choice, write_choice
from .thumbnails import GalleryImage, gallery_images, map_path, read_map, save_map, save_picture
from .verification.checking import CheckedFolder, check_folder, result_folders
from .verification.reading import QuerySet, QuerySets
from .verification.row_checks import CheckedRow

__all__ = [
    "BUNDLE_MANIFEST",
    "LIST_COLUMNS",
    "MAX_FILES",
    "MAX_TOTAL_BYTES",
    "NOTE_COLUMNS",
    "NO_CHECKPOINT",
    "PREDICTION_COLUMNS",
    "REASONS",
    "RECORD_COLUMNS",
    "STATUSES",
    "SUMMARY_COLUMNS",
    "Board",
    "BoardRow",
    "Cell",
    "CheckedFolder",
    "CheckedRow",
    "Choice",
    "Chosen",
    "Column",
    "Excluded",
    "GalleryImage",
    "Manifest",
    "PublishedRow",
    "QuerySet",
    "QuerySets",
    "RankRange",
    "ResultFolder",
    "Row",
    "RowStore",
    "Score",
    "Section",
    "Summary",
    "Table",
    "card_file",
    "check_folder",
    "choose_from",
    "clear_results",
    "collisions",
    "column_for",
    "difference",
    "disk_error",
    "facts_of",
    "find_gaps",
    "gallery_images",
    "is_known_name",
    "is_plain_name",
    "map_path",
    "network_rows",
    "open_results",
    "pack",
    "prediction_batches",
    "predictions_file",
    "protocol_changes",
    "read_choice",
    "read_integers",
    "read_lists",
    "read_manifest",
    "read_map",
    "read_numbers",
    "read_predictions",
    "read_records",
    "records_file",
    "refuse_lost_rows",
    "refuse_other_definition",
    "registered_facts",
    "remarks",
    "result_folders",
    "results_in",
    "safe_name",
    "save_map",
    "save_picture",
    "set_aside",
    "size_limit",
    "summarise_predictions",
    "summarise_records",
    "unpack",
    "write_atomically",
    "write_choice",
    "write_integers",
    "write_manifest",
    "write_numbers",
    "write_summary",
]
