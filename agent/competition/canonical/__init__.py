"""Text cells of a user's tables in canonical form, by role: plain numbers, ISO 8601 dates, '' for gaps.

`column_kind` decides what a column holds over all tables, and `canonical_cells` writes it in canonical form.
Cells that are canonical already stay as they are, byte by byte.
"""

from agent.competition.canonical.clock import ClockForm, decide_clock_form, parse_clock
from agent.competition.canonical.dates import DateForm, decide_date_form, parse_dates
from agent.competition.canonical.gaps import GAP_WORDS, blank_gaps, gap_words_in
from agent.competition.canonical.kinds import ColumnKind, canonical_cells, column_kind
from agent.competition.canonical.numbers import NumberForm, decide_number_form, parse_numbers
from agent.competition.canonical.tables import CanonicalTables, TableFiles, canonical_tables, category_gaps

__all__ = [
    "GAP_WORDS",
    "CanonicalTables",
    "ClockForm",
    "ColumnKind",
    "DateForm",
    "NumberForm",
    "TableFiles",
    "blank_gaps",
    "canonical_cells",
    "canonical_tables",
    "category_gaps",
    "column_kind",
    "decide_clock_form",
    "decide_date_form",
    "decide_number_form",
    "gap_words_in",
    "parse_clock",
    "parse_dates",
    "parse_numbers",
]
