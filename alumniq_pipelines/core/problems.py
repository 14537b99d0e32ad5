"""Everything people are told when something fails, in one tree.

Problem
 ├─ SenderProblem   the customer can mend it; permanent, never retried
 │   ├─ RequestProblem   the webhook call itself is at fault
 │   └─ FileProblem      the delivered file is at fault
 ├─ SetupProblem    our configuration is at fault; permanent, for staff
 └─ OutageProblem   a part of ours is away; transient, retried

A class is one failure: its docstring's first line is the title, `code` is stable and in kebab
case, `detail` says what happened where, `advice` says what to do. No text ever holds a cell value,
a key or a secret. Add a class here rather than a sentence elsewhere.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

SAMPLE_BODY = 'Send a JSON object such as {"apiKey": "...", "filename": "warehouse.csv"}.'


class Problem(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "problem"

    def __init__(self, detail: str, advice: str = "") -> None:
        """Keep the two sentences apart, so that every reader can lay them out."""
        super().__init__(detail)
        self.detail = detail
        self.advice = advice

    @property
    def title(self) -> str:
        """Name the kind of failure: the first line of the class's docstring, less its full stop."""
        return (type(self).__doc__ or "").strip().splitlines()[0].rstrip(".")

    def __str__(self) -> str:
        """Read as detail, then advice."""
        return f"{self.detail} {self.advice}".strip()


class SenderProblem(Problem):
    """The sender can mend this."""

    code = "sender"


class SetupProblem(Problem):
    """The installation is set up wrongly."""

    code = "setup"


class OutageProblem(Problem):
    """A part of the service is away for the moment."""

    code = "outage"


# Requests


class RequestProblem(SenderProblem):
    """The request cannot be accepted."""

    code = "request"


class UnknownJob(RequestProblem):
    """There is no such job."""

    code = "unknown-job"

    def __init__(self, job: str) -> None:
        """Say it in the contract's words."""
        super().__init__(f"Invalid Job Name: {job}")


class MissingOption(RequestProblem):
    """A required option is missing."""

    code = "missing-option"

    def __init__(self, option: str) -> None:
        """Say it in the contract's words; `option` is capitalised as the contract writes it."""
        super().__init__(f"Missing required option: {option}")


class MissingKey(RequestProblem):
    """No API key was sent."""

    code = "missing-key"

    def __init__(self) -> None:
        """Say it in the contract's words."""
        super().__init__("Missing required option: ApiKey")


class RefusedKey(RequestProblem):
    """The API key opens nothing here."""

    code = "refused-key"

    def __init__(self) -> None:
        """Use one wording for unknown, expired, revoked and foreign: it tells a guesser nothing."""
        super().__init__(
            "The API key is not valid here.",
            "Check that it is complete, not expired, and meant for this environment.",
        )


class UnusableFilename(RequestProblem):
    """The file name cannot be a file in the bucket."""

    code = "unusable-filename"

    def __init__(self, reason: str) -> None:
        """Take the reason as a clause that follows 'The filename'."""
        super().__init__(
            f"The filename {reason}.",
            "Send the name that the file has below your warehouse/ folder, such as warehouse.csv.",
        )


class FileNotInBucket(RequestProblem):
    """The file is not in the bucket."""

    code = "file-not-in-bucket"

    def __init__(self, filename: str, folder: str, near: Sequence[str] = ()) -> None:
        """Name the folder that was looked in and the names that come close."""
        hint = f"Did you mean {' or '.join(near)}?" if near else "Upload it first, then call again."
        super().__init__(f"The file {filename} was not found in {folder}.", hint)


class UnusableNotifyEmail(RequestProblem):
    """The e-mail address cannot be written to."""

    code = "unusable-notify-email"

    def __init__(self, reason: str) -> None:
        """Take the reason as a clause that follows 'The option NotifyEmail'.

        Never repeat the address: it may carry an injected header.
        """
        super().__init__(
            f"The option NotifyEmail {reason}.", "Send one address, or several separated by commas."
        )


class UnusableNotifyWebhook(RequestProblem):
    """The callback URL cannot be called."""

    code = "unusable-notify-webhook"

    def __init__(self, reason: str) -> None:
        """Take the reason as a clause that follows 'The option NotifyWebhook'."""
        super().__init__(f"The option NotifyWebhook {reason}.", "Send a public https:// URL.")


class UnreadableBody(RequestProblem):
    """The body of the request cannot be read."""

    code = "unreadable-body"


class BodyNotUtf8(UnreadableBody):
    """The body of the request is not UTF-8 text."""

    code = "body-not-utf8"

    def __init__(self, byte: int) -> None:
        """Count the first wrong byte from 1."""
        super().__init__(
            f"The request body is not UTF-8 text, from byte {byte:,} on.",
            "Send it as UTF-8; in PowerShell add -ContentType 'application/json; charset=utf-8'.",
        )


class BodyNotJson(UnreadableBody):
    """The body of the request is not valid JSON."""

    code = "body-not-json"

    def __init__(self, place: str) -> None:
        """Say where it stops being JSON."""
        super().__init__(f"The request body is not valid JSON (see {place}).", SAMPLE_BODY)


class BodyNotObject(UnreadableBody):
    """The body of the request holds no options."""

    code = "body-not-object"

    def __init__(self) -> None:
        """Name both forms that are read."""
        super().__init__("The request body is neither a JSON object nor a form.", SAMPLE_BODY)


class BodyNestedTooDeeply(UnreadableBody):
    """The body of the request is nested too deeply."""

    code = "body-nested-too-deeply"

    def __init__(self) -> None:
        """Say what it should be instead."""
        super().__init__("The request body is nested too deeply.", SAMPLE_BODY)


class BodyNotForm(UnreadableBody):
    """The body of the request is a form that cannot be read."""

    code = "body-not-form"

    def __init__(self, most_fields: int) -> None:
        """Name the limit, which is the one fault that does not show in the form itself."""
        super().__init__(
            f"The request body is no valid form of at most {most_fields} fields.", SAMPLE_BODY
        )


class BodyTooLarge(RequestProblem):
    """The body of the request is too large."""

    code = "body-too-large"

    def __init__(self, most_bytes: int) -> None:
        """Name the limit."""
        super().__init__(
            f"The request body is larger than {most_bytes:,} bytes.",
            "Put the file into your bucket and send only its name.",
        )


class RepeatedOption(RequestProblem):
    """An option was sent more than once."""

    code = "repeated-option"

    def __init__(self, option: str) -> None:
        """Never repeat the values: one of them may be a key."""
        super().__init__(
            f"The option {option} was sent more than once, with different values.",
            "Send it once; names are the same whether upper or lower case.",
        )


class OptionNotText(RequestProblem):
    """An option is not text."""

    code = "option-not-text"

    def __init__(self, option: str) -> None:
        """Name the option as the contract writes it."""
        super().__init__(f"The option {option} is not text.", "Put its value in quotes.")


class SlowRequest(RequestProblem):
    """The request did not arrive in time."""

    code = "slow-request"

    def __init__(self, seconds: float) -> None:
        """Name the limit."""
        super().__init__(
            f"The request body did not arrive within {seconds:g} seconds.", "Send it again."
        )


class AddressTooLong(RequestProblem):
    """The URL is too long."""

    code = "address-too-long"

    def __init__(self, most_bytes: int) -> None:
        """Name the limit."""
        super().__init__(
            f"The URL is longer than {most_bytes:,} bytes.",
            "Send the options in the body of the request.",
        )


class UnknownAddress(RequestProblem):
    """There is nothing at this URL."""

    code = "unknown-address"

    def __init__(self) -> None:
        """Say where the service is."""
        super().__init__(
            "There is nothing at this URL.", "Webhooks are at /api/v1/index.cfm/webhook/JOB."
        )


class WrongMethod(RequestProblem):
    """The URL does not take this method."""

    code = "wrong-method"

    def __init__(self, allowed: str) -> None:
        """Name what it takes."""
        super().__init__("The URL does not take this method.", f"Use {allowed}.")


class MalformedRequest(RequestProblem):
    """The request is not HTTP."""

    code = "malformed-request"

    def __init__(self) -> None:
        """Leave the parser's own words out: they may quote what was sent."""
        super().__init__("The request is not valid HTTP.", "Check its headers and their length.")


# Files


class FileProblem(SenderProblem):
    """The file cannot be loaded.

    `line` and `column` say where, if it is at one place; `faults` are its parts, if it is several.
    """

    code = "file"
    line: int | None = None
    column: str | None = None

    @property
    def faults(self) -> Sequence["FileProblem"]:
        """The faults to be told one by one: itself, unless it gathers others."""
        return (self,)


class EmptyFile(FileProblem):
    """The file is empty."""

    code = "empty-file"

    def __init__(self) -> None:
        """Say what was expected."""
        super().__init__(
            "The file is empty.", "Export it again: a header line, then one line per row."
        )


class NoRows(FileProblem):
    """The file has a header line and no rows."""

    code = "no-rows"

    def __init__(self) -> None:
        """Say why it is refused: publishing it would empty the table."""
        super().__init__(
            "The file has a header line and no rows; loading it would empty your table.",
            "Export it again with its rows. If the table is to be emptied, ask our staff.",
        )


class ForeignFormat(FileProblem):
    """The file is in another format."""

    code = "foreign-format"

    def __init__(self, kind: str) -> None:
        """Take the kind as a noun with its article."""
        if "UTF-16" in kind:
            advice = "Export it as UTF-8."
        elif "Excel" in kind:
            advice = 'Save it in Excel as "CSV UTF-8" and upload that.'
        elif "compressed" in kind:
            advice = "Compress it with gzip or zip, or not at all."
        elif "encrypted" in kind:
            advice = "Upload it without encryption."
        else:
            advice = "Export it as CSV in UTF-8 and upload that."
        super().__init__(f"The file is not delimited text; it looks like {kind}.", advice)


class DamagedArchive(FileProblem):
    """The compressed file is damaged."""

    code = "damaged-archive"

    def __init__(self, byte: int) -> None:
        """Say how far it was read."""
        super().__init__(
            f"The compressed file is damaged, or other data follows its end (read to byte "
            f"{byte:,}).",
            "Compress and upload it again, in binary mode.",
        )


class TruncatedArchive(FileProblem):
    """The compressed file ends too early."""

    code = "truncated-archive"

    def __init__(self) -> None:
        """Suspect the upload."""
        super().__init__(
            "The compressed file ends too early: its upload was probably cut off.",
            "Upload it again.",
        )


class UnusableArchive(FileProblem):
    """The archive cannot be used."""

    code = "unusable-archive"

    def __init__(self, members: int) -> None:
        """Count the files in it; where it is one, its packing is at fault."""
        found = "its file is protected or packed in a rare way" if members == 1 else ""
        super().__init__(
            f"The zip archive cannot be used: {found or f'it holds {members:,} files'}.",
            "Put exactly one file into it, without a password.",
        )


class ExpandsTooFar(FileProblem):
    """The compressed file expands too far."""

    code = "expands-too-far"

    def __init__(self, most_bytes: int, most_ratio: int) -> None:
        """Name the limits."""
        super().__init__(
            f"The compressed file expands to more than {most_bytes:,} bytes, or to more than "
            f"{most_ratio:,} times its size.",
            "Upload it uncompressed, or in parts.",
        )


class NotUtf8(FileProblem):
    """The file is not UTF-8."""

    code = "not-utf-8"

    def __init__(self, byte: int, line: int, character: int, likely: str) -> None:
        """Say where the first byte stands that is no UTF-8, and what the encoding may be."""
        super().__init__(
            f"The file is not UTF-8: byte {byte:,} (line {line:,}, character {character:,}) "
            f"cannot be read. It is probably {likely}.",
            'Export it as UTF-8 (in Excel: "CSV UTF-8").',
        )
        self.line = line


class NulCharacter(FileProblem):
    """The file holds a NUL character."""

    code = "nul-character"

    def __init__(self, byte: int, line: int) -> None:
        """Say where the first one stands."""
        super().__init__(
            f"The file holds a NUL character at byte {byte:,} (line {line:,}): it is damaged, or "
            "in another encoding such as UTF-16.",
            "Export it again as UTF-8 text.",
        )
        self.line = line


class BrokenQuoting(FileProblem):
    """The quoting of the file is broken."""

    code = "broken-quoting"

    def __init__(
        self, line: int, row_line: int, quote: Literal["open", "stray", "closing"]
    ) -> None:
        """Say which quote is at fault; `row_line` is where its row began."""
        row = "" if row_line == line else f" (in the row that starts on line {row_line:,})"
        what = {
            "open": "a quote is opened and never closed",
            "stray": "a quote stands inside a value that does not begin with one",
            "closing": "text follows a closing quote; a quote in the value may not be doubled",
        }[quote]
        super().__init__(
            f"On line {line:,}{row}, {what}.",
            'Put every value into quotes and double the quotes inside it ("O""Neil"). From here '
            "on the rows cannot be told apart, so the rest was not read.",
        )
        self.line = line


class RowTooLong(FileProblem):
    """A row is too long."""

    code = "row-too-long"

    def __init__(self, line: int, most_bytes: int) -> None:
        """Name the limit and the likely cause."""
        super().__init__(
            f"The row that starts on line {line:,} is longer than {most_bytes:,} bytes.",
            "Look for a quote that is never closed, or for line ends that were lost.",
        )
        self.line = line


class FilesJoined(FileProblem):
    """The file looks like several that were joined."""

    code = "files-joined"

    def __init__(self, line: int) -> None:
        """Name the line with a byte order mark, which only begins files."""
        super().__init__(
            f"Line {line:,} begins with a byte order mark, as only a file's first line may.",
            "If files were joined, leave out the byte order marks and all headers but the first.",
        )
        self.line = line


class UnusableHeader(FileProblem):
    """The header line does not fit the field map."""

    code = "unusable-header"
    line = 1

    def __init__(self, faults: Sequence[FileProblem]) -> None:
        """Gather all that is wrong with the header."""
        super().__init__(
            " ".join(fault.detail for fault in faults),
            " ".join(dict.fromkeys(fault.advice for fault in faults)),
        )
        self._faults = tuple(faults)

    @property
    def faults(self) -> Sequence[FileProblem]:
        """Each fault of the header by itself."""
        return self._faults


class NoHeader(FileProblem):
    """The first line is no header."""

    code = "no-header"
    line = 1

    def __init__(self, known: Sequence[str], header_line: int | None) -> None:
        """Never repeat the line, it may hold data; `header_line` is one that looks like a header.

        `known` are the column names that were looked for.
        """
        if header_line is None:
            advice = f"Begin the file with a header line of column names: {', '.join(known)}."
        else:
            advice = f"Line {header_line:,} looks like the header: remove the lines above it."
        super().__init__("Line 1 holds none of the feed's column names.", advice)


class MissingColumn(FileProblem):
    """A column is missing."""

    code = "missing-column"
    line = 1

    def __init__(self, column: str, near: str | None) -> None:
        """Name the header's entry that was probably meant."""
        hint = f" Its header has `{near}`, which may be meant." if near else ""
        super().__init__(
            f"The file has no column `{column}`.{hint}",
            "Name the columns as the field map does, or have the field map changed.",
        )
        self.column = column


class DuplicateColumn(FileProblem):
    """A column stands in the header twice."""

    code = "duplicate-column"
    line = 1

    def __init__(self, column: str, positions: Sequence[int]) -> None:
        """Count positions from 1."""
        places = " and ".join(str(position) for position in positions)
        super().__init__(
            f"The column `{column}` stands in the header {len(positions)} times "
            f"(as columns {places}).",
            "Keep one of them.",
        )
        self.column = column


class UnknownColumn(FileProblem):
    """A column is not known."""

    code = "unknown-column"
    line = 1

    def __init__(self, column: str, near: str | None) -> None:
        """Name the known column that was probably meant."""
        hint = f"Did you mean `{near}`?" if near else "Leave it out."
        super().__init__(f"The column `{column}` is not in the field map.", hint)
        self.column = column


class UnusableColumnName(FileProblem):
    """An extension column's name cannot be used."""

    code = "unusable-column-name"
    line = 1

    def __init__(self, position: int, most_bytes: int) -> None:
        """Count positions from 1; never repeat the name, it may be anything."""
        super().__init__(
            f"The name of column {position} holds other characters than letters and digits, or is "
            f"longer than {most_bytes} bytes.",
            "Name your own columns in letters, digits and underscores, ending in __c.",
        )


class FileGone(FileProblem):
    """The file is no longer in the bucket."""

    code = "file-gone"

    def __init__(self, filename: str) -> None:
        """Name the file."""
        super().__init__(
            f"The file {filename} was in your bucket when the load was accepted and is gone now.",
            "Upload it again, call the webhook again, and leave it in place until you are told.",
        )


class RowsRejected(FileProblem):
    """The file has rows that break the field map's rules."""

    code = "rows-rejected"

    def __init__(self, rejected: int, read: int) -> None:
        """Give both totals."""
        super().__init__(
            f"{rejected:,} of {read:,} rows break the rules of the field map.",
            "Mend them in your source and send the file again; your previous data is still live.",
        )


# Setup


class UnknownFeed(SetupProblem):
    """There is no field map of that name."""

    code = "unknown-feed"

    def __init__(self, feed: str, known: Sequence[str]) -> None:
        """List what there is."""
        super().__init__(f"There is no feed {feed!r}.", f"Known feeds: {', '.join(known)}.")


class UnknownCustomer(SetupProblem):
    """There is no customer of that name."""

    code = "unknown-customer"

    def __init__(self, customer: str) -> None:
        """Say how to make one."""
        super().__init__(
            f"There is no customer {customer!r}.",
            f'Make it: alumniq customer add {customer} --name "...".',
        )


class CustomerExists(SetupProblem):
    """The customer exists already."""

    code = "customer-exists"

    def __init__(self, customer: str) -> None:
        """Name the customer."""
        super().__init__(
            f"There is a customer {customer!r} already.", "List them: alumniq customer list."
        )


class BucketTaken(SetupProblem):
    """The bucket belongs to another customer."""

    code = "bucket-taken"

    def __init__(self, bucket: str) -> None:
        """Name the bucket, not whose it is."""
        super().__init__(
            f"The bucket {bucket!r} belongs to another customer.",
            "Choose another name: customers never share a bucket.",
        )


class UnusableCustomer(SetupProblem):
    """The customer cannot be called that."""

    code = "unusable-customer"

    def __init__(self, customer: str) -> None:
        """Say what an id looks like."""
        super().__init__(
            f"{customer!r} cannot be a customer's id.",
            "Take a lower-case letter, then up to 30 lower-case letters, digits and hyphens.",
        )


class UnusableBucket(SetupProblem):
    """The bucket cannot be called that."""

    code = "unusable-bucket"

    def __init__(self, bucket: str) -> None:
        """Say what a bucket's name looks like (S3's own rule)."""
        super().__init__(
            f"{bucket!r} cannot be a bucket's name.",
            "Take 3 to 63 lower-case letters, digits, hyphens and single dots, "
            "with a letter or digit at both ends.",
        )


class UnknownLoad(SetupProblem):
    """There is no such load."""

    code = "unknown-load"

    def __init__(self, job_id: str) -> None:
        """Name the jobId that was asked for."""
        super().__init__(f"There is no load {job_id!r}.", "List them: alumniq load list.")


class UnknownKey(SetupProblem):
    """There is no live key of that prefix."""

    code = "unknown-key"

    def __init__(self, prefix: str) -> None:
        """Name the prefix, which may be shown."""
        super().__init__(
            f"There is no live key that starts with {prefix!r}.", "List them: alumniq key list."
        )


class UnusableLedgerUrl(SetupProblem):
    """The ledger's address cannot be used."""

    code = "unusable-ledger-url"

    def __init__(self) -> None:
        """Never repeat the address: it may hold a password."""
        super().__init__(
            "ALUMNIQ_LEDGER_URL is not the address of a database the ledger can live in.",
            "Write sqlite:////folder/ledger.db or postgresql://user@host/database, "
            "or leave it empty for SQLite in the data folder.",
        )


class ForeignRevision(SetupProblem):
    """The ledger's tables are of another release."""

    code = "foreign-revision"

    def __init__(self, found: str | None, expected: str) -> None:
        """Name both revisions."""
        super().__init__(
            f"The ledger's tables are at revision {found or 'none'}, "
            f"this release works on {expected}.",
            "Bring them up: alumniq up does so at its start. "
            "Tables of a newer release need that release.",
        )


class FieldMapProblem(SetupProblem):
    """A field map is wrong."""

    code = "field-map"

    def __init__(self, faults: Sequence[str]) -> None:
        """List every fault, one a line, each already naming its place and its mend."""
        sentences = (each if each.endswith("?") else f"{each}." for each in faults)
        super().__init__("\n".join(sentences), "See schemas/README.md for the language.")
        self.faults = tuple(faults)


class UnusableNetwork(SetupProblem):
    """A network that callbacks may reach cannot be read."""

    code = "unusable-network"

    def __init__(self, network: str) -> None:
        """Name the setting."""
        super().__init__(
            f"ALUMNIQ_CALLBACK_ALLOWED_NETWORKS: {network!r} is not a network.",
            'Write networks in CIDR form, as a JSON list: ["10.20.0.0/16"].',
        )


class UnusableBucketName(SetupProblem):
    """The name cannot be a bucket's."""

    code = "unusable-bucket-name"

    def __init__(self, name: str) -> None:
        """Give S3's rule, which folders follow too."""
        super().__init__(
            f"{name!r} cannot be the name of a bucket.",
            "Use 3 to 63 lower-case letters, digits, hyphens and dots.",
        )


class UnknownVersion(SetupProblem):
    """There is no version of that number."""

    code = "unknown-version"

    def __init__(self, target: str, number: int, kept: Sequence[int]) -> None:
        """List what is kept."""
        numbers = ", ".join(str(each) for each in kept) or "none"
        super().__init__(f"Version {number} of {target} is not kept.", f"Kept: {numbers}.")


class NothingPublished(SetupProblem):
    """Nothing has been published there."""

    code = "nothing-published"

    def __init__(self, customer: str, environment: str) -> None:
        """Say how to find out what there is."""
        super().__init__(
            f"Nothing has been published for {customer!r} in {environment!r}.",
            "See the customers with: alumniq customer list. Environments are qa and production.",
        )


class UnusableQuery(SetupProblem):
    """The query cannot be run."""

    code = "unusable-query"

    def __init__(self, reason: str, tables: Sequence[str]) -> None:
        """Take the reason as a sentence without cell values, and list the tables there are."""
        super().__init__(reason, f"Write one SELECT. Tables: {', '.join(tables)}.")


class PortUnusable(SetupProblem):
    """A port cannot be listened on."""

    code = "port-unusable"

    def __init__(self, program: str, port: int, reason: str, option: str) -> None:
        """Name what wants the port, the system's reason, and the option that chooses another."""
        super().__init__(
            f"The {program} cannot listen on port {port}: {reason}.",
            f"Stop what uses that port, or choose another: {option} {port + 1}.",
        )


class AlreadyUp(SetupProblem):
    """The system is running already."""

    code = "already-up"

    def __init__(self, folder: str) -> None:
        """Name the data folder, which one system at a time may use."""
        super().__init__(
            f"The system is running on {folder} already.",
            "Stop it with Ctrl-C in its terminal, or use another folder: --data-dir FOLDER.",
        )


class ProgramFailed(SetupProblem):
    """A part of the system does not start."""

    code = "program-failed"

    def __init__(self, program: str, reason: str) -> None:
        """Take what happened as a clause that follows the program's name."""
        super().__init__(f"The {program} {reason}.", "The end of its log above says why.")


class NotADemoFolder(SetupProblem):
    """The folder is not the demo's to empty."""

    code = "not-a-demo-folder"

    def __init__(self, folder: str) -> None:
        """Name the folder."""
        super().__init__(
            f"{folder} has content that no demo made, and a demo begins by emptying its folder.",
            "Use another folder: --data-dir FOLDER.",
        )


class DemoFailed(SetupProblem):
    """The demo did not go as promised."""

    code = "demo-failed"

    def __init__(self, reason: str) -> None:
        """Take what was promised and did not happen, as a sentence."""
        super().__init__(reason, "The end of the logs above may say why.")


class UnusableOutput(SetupProblem):
    """The output file cannot be written."""

    code = "unusable-output"

    def __init__(self, suffixes: Sequence[str]) -> None:
        """List what there is."""
        super().__init__(f"The name of the output file must end in {' or '.join(suffixes)}.")


# Outages


class BucketUnavailable(OutageProblem):
    """The bucket cannot be reached."""

    code = "bucket-unavailable"

    def __init__(self, reason: str) -> None:
        """Take the driver's class of error, never its text: it may hold credentials."""
        super().__init__(f"The bucket cannot be read or written just now ({reason}).")


class FileChanged(OutageProblem):
    """The file changed while it was being read."""

    code = "file-changed"

    def __init__(self, filename: str) -> None:
        """Name the file; the next attempt reads the new one from its start."""
        super().__init__(f"The file {filename} was replaced while it was being read.")


class LedgerUnavailable(OutageProblem):
    """The ledger cannot be reached."""

    code = "ledger-unavailable"

    def __init__(self, reason: str) -> None:
        """Take the driver's class of error."""
        super().__init__(f"The ledger cannot be read or written just now ({reason}).")
        self.reason = reason


class WarehouseUnavailable(OutageProblem):
    """The warehouse cannot be written."""

    code = "warehouse-unavailable"

    def __init__(self, reason: str) -> None:
        """Take the driver's class of error."""
        super().__init__(f"The warehouse cannot be read or written just now ({reason}).")


class ReadersDisagree(OutageProblem):
    """Two readers do not agree on the file."""

    code = "readers-disagree"

    def __init__(self, expected: int, found: int) -> None:
        """Give the rows by the file's structure, and those that were staged."""
        super().__init__(
            f"The file has {expected:,} regular rows, but {found:,} were staged.",
            "This is a fault of ours: keep the file for whoever looks into it.",
        )


class StagingFailed(OutageProblem):
    """The file could not be staged."""

    code = "staging-failed"

    def __init__(self, reason: str) -> None:
        """Take the driver's class of error, never its text: it holds cells."""
        super().__init__(
            f"The file's structure is sound, but staging it failed ({reason}).",
            "This is a fault of ours: keep the file for whoever looks into it.",
        )


class IncompleteVersion(OutageProblem):
    """The version was not written whole."""

    code = "incomplete-version"

    def __init__(self, announced: int, found: int) -> None:
        """Give both numbers of rows."""
        super().__init__(f"The new version has {found:,} rows where {announced:,} were accepted.")


class ScratchUnavailable(OutageProblem):
    """There is no room to work in."""

    code = "scratch-unavailable"

    def __init__(self, reason: str) -> None:
        """Take the operating system's reason."""
        super().__init__(f"The scratch folder cannot be written just now ({reason}).")


class UnexpectedFault(OutageProblem):
    """Something failed that should not have."""

    code = "unexpected-fault"

    def __init__(self, incident: str) -> None:
        """Name the incident under which the log explains it; the text itself explains nothing."""
        super().__init__(
            "Something failed that should not have; the fault is ours.",
            f"Try again, and if it stays, tell us the incident: {incident}.",
        )


class UnexplainedFailure(OutageProblem):
    """The load ended without a reason."""

    code = "unexplained-failure"

    def __init__(self) -> None:
        """Own up: this is never the sender's fault."""
        super().__init__("The load ended for a reason that was not recorded; the fault is ours.")


class LoadStopped(OutageProblem):
    """The load was stopped by a person."""

    code = "load-stopped"

    def __init__(self) -> None:
        """Own up: the customer did nothing wrong."""
        super().__init__(
            "The load was stopped by our staff before it was done.",
            "Your previous data is still live; call the webhook again to load the file.",
        )


class AttemptsExhausted(OutageProblem):
    """Every attempt at the load failed."""

    code = "attempts-exhausted"

    def __init__(self, attempts: int) -> None:
        """Say how often it was tried, and that it is ours to mend."""
        super().__init__(
            f"The load was tried {attempts} times and failed each time for reasons on our side.",
            "Our staff has been told; your previous data is still live.",
        )


class LoadEnded(SetupProblem):
    """The load has ended already."""

    code = "load-ended"

    def __init__(self, job_id: str) -> None:
        """Name the load."""
        super().__init__(
            f"The load {job_id} has its outcome already.",
            "Materialise the partition anew to load the file again.",
        )


class UnknownPartition(SetupProblem):
    """The partition belongs to no customer."""

    code = "unknown-partition"

    def __init__(self, partition_key: str) -> None:
        """Name the partition and the form that was expected."""
        super().__init__(
            f"The partition {partition_key!r} is not of the form customer.environment.",
            "Choose one that the system added; they follow the customers' subscriptions.",
        )


class NothingToReload(SetupProblem):
    """There is no file to load again."""

    code = "nothing-to-reload"

    def __init__(self, target: str) -> None:
        """Name the target."""
        super().__init__(
            f"No file was ever accepted for {target}.",
            "Give the name of a file in the bucket as `filename` in the launchpad's config.",
        )
