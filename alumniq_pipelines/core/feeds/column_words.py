"""The words that column names of alumni databases are made of, and how a name is split into them.

A name that is made of such words alone is no misspelling, however close it is to another: `Mail
Address` is not `emailAddress`, nor `Loan Date` `joinDate`.
"""

import re
from collections.abc import Collection

ABBREVIATIONS = {
    "addr": "address",
    "cd": "code",
    "desc": "description",
    "dt": "date",
    "nbr": "number",
    "nm": "name",
    "no": "number",
    "num": "number",
    "yr": "year",
}
"""As naming standards of databases have them: `LAST_NM`, `CLASS_YR`."""

E_MAIL = re.compile(r"\be[-_ ]mail", re.IGNORECASE)
RUN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
MIN_PLURAL_LENGTH = 4
MAX_RUN_LENGTH = 64
"""Letters up to which words that are written together are looked for."""


def singular(word: str) -> str:
    """Return a word without the `s` of a plural; of some other words it cuts one off, too."""
    is_plural = len(word) >= MIN_PLURAL_LENGTH and word.endswith("s") and not word.endswith("ss")
    return word[:-1] if is_plural else word


COMMON = """
account active activity added addressee age alternate amount annual appeal area association
attribute award badge balance bank begin billing birth board body born building business campaign
campus card cell chair change changed chapter city class club code college comment company
conferred constituent contact country county created current date day deceased default degree
department description designation display district division donor due earned effective email
employee employer end estate event external faculty family fax fee female file final first fiscal
flag foreign formal former freshman from full fund gender gift giving grad graduate group head
home household id ideal import in inactive income informal initial international is job join joint
key label last legal lender letter level life lifetime line list loan local long mail mailing main
male manager married maximum member membership middle minimum mobile modified name nation native
next nick non not note number of office official old opt order org organization origin original
other out owner paid parent part past payment period permanent person personal phone plan planned
pledge point portal post postal pref preferred preschool previous primary prior priority private
process processed product professional profile program project prospect public rank rating reason
receipt received record region rejoin renew renewal revenue role salutation school score search
seasonal second secondary sender sequence short solicitor sort source spouse staff stage start
state status street student study subtype suffix tax team telephone temporary tender term text
title total track trust type un undergrad unit update updated user value vendor verified volunteer
website work xid year zip
"""

WORDS = frozenset(singular(word) for word in COMMON.split())


def words_of(name: str, vocabulary: Collection[str] = WORDS) -> tuple[str, ...]:
    """Return the words of a name in lower case, abbreviations written out.

    They are separated by case and punctuation, and within a run of letters by the vocabulary.
    """
    runs = (run.casefold() for run in RUN.findall(E_MAIL.sub("Email", name)))
    words = (word for run in runs for word in (_split(run, vocabulary) or (run,)))
    return tuple(ABBREVIATIONS.get(word, word) for word in words)


def _split(run: str, vocabulary: Collection[str]) -> tuple[str, ...]:
    """Split letters into words of the vocabulary, long ones first; nothing where some are left."""
    if len(run) > MAX_RUN_LENGTH:
        return ()
    splits: dict[int, tuple[str, ...]] = {len(run): ()}
    for begin in reversed(range(len(run))):
        for end in range(len(run), begin, -1):
            word = run[begin:end]
            if end in splits and (word in ABBREVIATIONS or singular(word) in vocabulary):
                splits[begin] = (word, *splits[end])
                break
    return splits.get(0, ())
