"""Damage to values: by spreadsheets, databases, programs and wrong encodings."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from tests.damage.clean_tables import Sent
from tests.damage.harm import Harm, Kind, cell_harm, column_harm

TEXT_COLUMNS = ("firstName", "lastName", "note")


def scientific_key(sent: Sent, draw: st.DrawFn) -> Harm:
    """As R (`1e+05`), Excel (`1.23E+11`, in Germany `1,23E+11`) and pandas write whole numbers."""
    digits, power = draw(st.integers(1, 9999)), draw(st.integers(3, 20))
    sign, e = draw(st.sampled_from(["", "-", "+"])), draw(st.sampled_from("eE"))
    point, zero = draw(st.sampled_from(".,")), draw(st.sampled_from(["", "0"]))
    key = draw(
        st.sampled_from(
            [
                f"{sign}{digits}{e}+{zero}{power}",
                f"{digits % 9 + 1}{point}{digits}{e}+{zero}{power}",
                f"{digits % 9 + 1}.{digits}{e}{power}",
            ]
        )
    )
    return cell_harm(sent, "xid", key, "damaged-key")


def decimal_key(sent: Sent, draw: st.DrawFn) -> Harm:
    key = f"{draw(st.integers(1, 10**12))}.{'0' * draw(st.integers(1, 3))}"
    return cell_harm(sent, "xid", key, "damaged-key")


def formula_key(sent: Sent, draw: st.DrawFn) -> Harm:
    return cell_harm(sent, "xid", f'="{draw(st.integers(1, 10**12))}"', "damaged-key")


NULL_WORDS = ("NULL", "null", "\\N", "nan", "NaN", "None", "(null)", "<NA>", "NaT", "undefined")
ERROR_VALUES = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!")


def null_word_key(sent: Sent, draw: st.DrawFn) -> Harm:
    return cell_harm(sent, "xid", draw(st.sampled_from(NULL_WORDS)), "damaged-key")


def error_key(sent: Sent, draw: st.DrawFn) -> Harm:
    return cell_harm(sent, "xid", draw(st.sampled_from(ERROR_VALUES)), "damaged-key")


def date_key(sent: Sent, draw: st.DrawFn) -> Harm:
    key = draw(st.sampled_from(["3-May", "12-Oct", "May-98", "12E4", "3e3"]))
    return cell_harm(sent, "xid", key, "damaged-key")


def padded_key(sent: Sent, draw: st.DrawFn) -> Harm:
    before, behind = draw(st.permutations(["", " " * draw(st.integers(1, 8))]))
    return cell_harm(sent, "xid", f"{before}{sent.cell('xid')}{behind}", "damaged-key")


def apostrophe_key(sent: Sent, _draw: st.DrawFn) -> Harm:
    return cell_harm(sent, "xid", f"'{sent.cell('xid')}", "damaged-key")


INVISIBLE = ("\u200b", "\ufeff", "\u00a0", "\u00ad", "\u200e", "\u2060", "\u3000")


def invisible_key(sent: Sent, draw: st.DrawFn) -> Harm:
    key, at = sent.cell("xid"), draw(st.integers(0, len(sent.cell("xid"))))
    harmed = key[:at] + draw(st.sampled_from(INVISIBLE)) + key[at:]
    return cell_harm(sent, "xid", harmed, "damaged-key")


def blank_key(sent: Sent, draw: st.DrawFn) -> Harm:
    blanks = st.text(st.sampled_from(["\t", " ", *INVISIBLE]), max_size=4)
    return cell_harm(sent, "xid", draw(blanks), "required")


def key_twice(sent: Sent, draw: st.DrawFn) -> Harm:
    """The later row is reported, with the row and line of the first."""
    first, later = sorted(draw(st.permutations(range(len(sent.table.rows))))[:2])
    earlier = replace(sent, row=first)
    harmed = replace(sent, row=later)
    words = f"first that of row {first + 1} (line {earlier.line})"
    return cell_harm(harmed, "xid", earlier.cell("xid"), "duplicate-key", words)


def lost_characters(sent: Sent, draw: st.DrawFn) -> Harm:
    column = draw(st.sampled_from([*TEXT_COLUMNS, "emailAddress", "postalCode"]))
    return cell_harm(sent, column, "Montr\ufffdal", "U+FFFD", "wrong encoding")


def encoded_twice(sent: Sent, draw: st.DrawFn) -> Harm:
    """UTF-8 that was read as another encoding, and written as UTF-8."""
    text = draw(
        st.sampled_from(["Jos\u00e9", "O\u2019Neil", "M\u00fcnchen", "a\u00a0b", "\u00c9va"])
    )
    read = text.encode().decode(draw(st.sampled_from(["latin-1", "cp1252"])), "ignore")
    return cell_harm(sent, draw(st.sampled_from(TEXT_COLUMNS)), read, "Windows-1252")


def error_value(sent: Sent, draw: st.DrawFn) -> Harm:
    value = draw(st.sampled_from(ERROR_VALUES))
    return cell_harm(sent, draw(st.sampled_from(TEXT_COLUMNS)), value, "error values")


def changed_code(sent: Sent, draw: st.DrawFn) -> Harm:
    value = draw(st.sampled_from(["1.23E+11", "1E+05", "3-May", "Jan-98"]))
    return cell_harm(sent, "postalCode", value)


def too_many_digits(sent: Sent, draw: st.DrawFn) -> Harm:
    """Of the odd numbers behind 2 to the 53, a DOUBLE keeps none."""
    value = 2**53 + 1 + 2 * draw(st.integers(0, 2**51))
    written = draw(st.sampled_from([f"{value}", f"-{value}", f"{value}.00"]))
    return cell_harm(sent, "amount", written, "precision")


def no_number(sent: Sent, draw: st.DrawFn) -> Harm:
    """As people and spreadsheets of several countries write amounts."""
    texts = ["1.234,56", "1,234.56", "12,5", "$5", "5 \u20ac", "1 000", "1'000", "(5)", "5-", "NaN"]
    return cell_harm(sent, "amount", draw(st.sampled_from(texts)), "type")


def no_whole_number(sent: Sent, draw: st.DrawFn) -> Harm:
    texts = ["1.0", "1,000", "1e5", "1E+05", "9223372036854775808", "TRUE", "x", "=1", "0x10"]
    return cell_harm(sent, "visits", draw(st.sampled_from(texts)), "type")


def no_moment(sent: Sent, draw: st.DrawFn) -> Harm:
    texts = ["28.11.2026 02:00", "11/28/2026 2:00 AM", "2026-11-28T02:00:00+01:60", "45989.0833"]
    return cell_harm(sent, "joined", draw(st.sampled_from(texts)), "type")


def cut_moment(sent: Sent, draw: st.DrawFn) -> Harm:
    digits = draw(st.integers(1, 999))
    return cell_harm(sent, "joined", f"2026-11-28 02:00:00.123456{digits:03}", "precision")


KINDS: Sequence[Kind] = (
    scientific_key,
    decimal_key,
    formula_key,
    null_word_key,
    error_key,
    date_key,
    padded_key,
    apostrophe_key,
    invisible_key,
    blank_key,
    key_twice,
    lost_characters,
    encoded_twice,
    error_value,
    changed_code,
    too_many_digits,
    no_number,
    no_whole_number,
    no_moment,
    cut_moment,
)


def _whole_column(sent: Sent, draw: st.DrawFn, damaged: str) -> Harm:
    """Send a text column with damage in every row, as a tool does it; the column is named."""
    column = draw(st.sampled_from([*TEXT_COLUMNS, "postalCode"]))
    rows = range(len(sent.table.rows))
    for row in rows:
        sent = sent.with_cell(column, "01103", row)
    harmed = sent
    for row in rows:
        harmed = harmed.with_cell(column, damaged, row)
    return column_harm(sent, harmed, f"`{column}`")


def padded_column(sent: Sent, draw: st.DrawFn) -> Harm:
    padded = ["01103   ", "  01103", "01103\t", "01103\u00a0"]
    return _whole_column(sent, draw, draw(st.sampled_from(padded)))


def column_of_null_words(sent: Sent, draw: st.DrawFn) -> Harm:
    return _whole_column(sent, draw, draw(st.sampled_from(["NULL", "\\N", "nan", "None", "<NA>"])))


def column_of_formulas(sent: Sent, draw: st.DrawFn) -> Harm:
    return _whole_column(sent, draw, draw(st.sampled_from(['="01103"', "'01103"])))


def column_of_decimals(sent: Sent, draw: st.DrawFn) -> Harm:
    return _whole_column(sent, draw, draw(st.sampled_from(["1103.0", "1998.00"])))


def look_alike_key(sent: Sent, draw: st.DrawFn) -> Harm:
    """Keys of two rows differ only by case, padding or the Unicode form."""
    first, later = sorted(draw(st.permutations(range(len(sent.table.rows))))[:2])
    pairs = [("k-\u00e9", "k-e\u0301"), ("ab1", "AB1"), ("ab1", "ab1 "), ("ab1", "\u200bab1")]
    one, other = draw(st.sampled_from(pairs))
    sent = replace(sent, row=later).with_cell("xid", one, first)
    return cell_harm(sent, "xid", other)


NOT_SAID_YET: Sequence[Kind] = (
    padded_column,
    column_of_null_words,
    column_of_formulas,
    column_of_decimals,
    look_alike_key,
)
"""Kinds to be added to KINDS once a check says something of them."""
