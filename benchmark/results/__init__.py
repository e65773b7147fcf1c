"""A result folder: what is in it, what it promises, and the numbers that all readers share."""

from .comparable import difference, group_comparable, protocol_changes, refuse_incomparable
from .complete import find_gaps, lost_rows, refuse_lost_rows
from .facts import (
    alarms,
    class_label,
    dataset_label,
    dataset_title,
    facts_of,
    method_words,
    registered_facts,
    shows_the_truth,
)
from .files.archive import pack, unpack
from .files.clearing import clear_results, results_in
from .files.folder import (
    NO_CHECKPOINT,
    SUMMARY_COLUMNS,
    ResultFolder,
    open_results,
    read_lists,
    read_manifest,
    read_predictions,
    read_records,
    read_summary,
)
from .files.layout import (
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
from .files.lists import (
    LIST_COLUMNS,
    SUBSET_COLUMNS,
    read_integers,
    read_numbers,
    write_integers,
    write_numbers,
)
from .files.names import MANIFEST, PREDICTIONS, RECORDS, SUMMARY, ResultFiles, safe_name
from .files.predictions import prediction_batches
from .files.rows import NOTE_COLUMNS, PREDICTION_COLUMNS, RECORD_COLUMNS, STATUSES, RowStore
from .files.thumbnails import GalleryImage, gallery_images, map_path, read_map, save_map, save_picture
from .files.writing import Content, disk_error, set_aside, write_atomically
from .manifest import Manifest, refuse_other_definition, write_manifest
from .remarks import remarks
from .scores import Cell, Column, RankRange, Row, Table, column_for, columns_of, quoted_aggregate
from .sections import Board, BoardRow, Excluded, PublishedRow, Score, Section
<<<<<<< HEAD
from .standing import Standing, standing_of
from .summary import Summary, summarise_predictions, summarise_records, summarise_sums, write_summary
=======
from .summary import (
    Summary,
    summarise_predictions,
    summarise_records,
    summarise_sums,
    write_subset_summaries,
    write_summary,
)
>>>>>>> main
from .thumbnail_choice import REASONS, Choice, Chosen, choose_from, network_rows, read_choice, write_choice
from .verification.checking import CheckedFolder, check_folder, result_folders
from .verification.exactly import read_exactly, read_inside
from .verification.faults import prediction_faults, record_faults
from .verification.reading import QuerySet, QuerySets
from .verification.row_checks import CheckedRow
from .verification.summary_rows import (
    Key,
    SummaryRow,
    keyed,
    source_of,
    stated_classes,
    summary_faults,
    worded_key,
)

__all__ = [
    "BUNDLE_MANIFEST",
    "LIST_COLUMNS",
    "MANIFEST",
    "MAX_FILES",
    "MAX_TOTAL_BYTES",
    "NOTE_COLUMNS",
    "NO_CHECKPOINT",
    "PREDICTIONS",
    "PREDICTION_COLUMNS",
    "REASONS",
    "RECORDS",
    "RECORD_COLUMNS",
    "STATUSES",
    "SUBSET_COLUMNS",
    "SUMMARY",
    "SUMMARY_COLUMNS",
    "Board",
    "BoardRow",
    "Cell",
    "CheckedFolder",
    "CheckedRow",
    "Choice",
    "Chosen",
    "Column",
    "Content",
    "Excluded",
    "GalleryImage",
    "Key",
    "Manifest",
    "PublishedRow",
    "QuerySet",
    "QuerySets",
    "RankRange",
    "ResultFiles",
    "ResultFolder",
    "Row",
    "RowStore",
    "Score",
    "Section",
    "Standing",
    "Summary",
    "SummaryRow",
    "Table",
    "alarms",
    "card_file",
    "check_folder",
    "choose_from",
    "class_label",
    "clear_results",
    "collisions",
    "column_for",
    "columns_of",
    "dataset_label",
    "dataset_title",
    "difference",
    "disk_error",
    "facts_of",
    "find_gaps",
    "gallery_images",
    "group_comparable",
    "is_known_name",
    "is_plain_name",
    "keyed",
    "lost_rows",
    "map_path",
    "method_words",
    "network_rows",
    "open_results",
    "pack",
    "prediction_batches",
    "prediction_faults",
    "predictions_file",
    "protocol_changes",
    "quoted_aggregate",
    "read_choice",
    "read_exactly",
    "read_inside",
    "read_integers",
    "read_lists",
    "read_manifest",
    "read_map",
    "read_numbers",
    "read_predictions",
    "read_records",
    "read_summary",
    "record_faults",
    "records_file",
    "refuse_incomparable",
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
    "shows_the_truth",
    "size_limit",
    "source_of",
    "standing_of",
    "stated_classes",
    "summarise_predictions",
    "summarise_records",
    "summarise_sums",
    "summary_faults",
    "unpack",
    "worded_key",
    "write_atomically",
    "write_choice",
    "write_integers",
    "write_manifest",
    "write_numbers",
    "write_subset_summaries",
    "write_summary",
]
