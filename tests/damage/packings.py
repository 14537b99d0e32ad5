"""Damage by what a file is packed in."""

import bz2
import io
import lzma
import tarfile
from collections.abc import Sequence

from hypothesis import strategies as st

from tests.damage.clean_tables import Sent
from tests.damage.harm import Harm, Kind
from tests.legal_writers import pack
from tests.unit.checking.test_decompress import zipped
from tests.unit.checking.test_zip_archive import FLAGS_FIELD, METHOD_FIELD, altered

PACKED = ("gzip", "zip", "zstd")


def _text(sent: Sent) -> bytes:
    return sent.writer.encoded(sent.table)


def side_files(sent: Sent, draw: st.DrawFn) -> Harm:
    names = ("__MACOSX/._people.csv", ".DS_Store", "Thumbs.db", "a/desktop.ini", "._people.csv")
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    members = [("people.csv", _text(sent)), *((name, b"side") for name in chosen)]
    return Harm(table=sent.table, content=zipped(*draw(st.permutations(members))))


def two_files(sent: Sent, _draw: st.DrawFn) -> Harm:
    content = zipped(("people.csv", _text(sent)), ("gifts.csv", _text(sent)))
    return Harm(table=sent.table, content=content, words=("`people.csv` and `gifts.csv`",))


def tar(sent: Sent, draw: st.DrawFn) -> Harm:
    packed = io.BytesIO()
    forms = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
    with tarfile.open(fileobj=packed, mode="w", format=draw(st.sampled_from(forms))) as archive:
        member = tarfile.TarInfo("people.csv")
        member.size = len(_text(sent))
        archive.addfile(member, io.BytesIO(_text(sent)))
    content = pack(packed.getvalue(), draw(st.sampled_from(["plain", *PACKED])))
    return Harm(table=sent.table, content=content, words=("a tar archive",))


def other_compression(sent: Sent, draw: st.DrawFn) -> Harm:
    name, content = draw(
        st.sampled_from(
            [
                ("bzip2", bz2.compress(_text(sent))),
                ("xz", lzma.compress(_text(sent))),
                ("LZMA", lzma.compress(_text(sent), lzma.FORMAT_ALONE)),
            ]
        )
    )
    return Harm(table=sent.table, content=content, words=(f"compressed by {name}",))


def packed_twice(sent: Sent, draw: st.DrawFn) -> Harm:
    inner, outer = draw(st.sampled_from(PACKED)), draw(st.sampled_from(PACKED))
    content = pack(pack(_text(sent), inner), outer)
    return Harm(table=sent.table, content=content, words=(f"packed in {outer}",))


def password(sent: Sent, _draw: st.DrawFn) -> Harm:
    content = altered(zipped(("people.csv", _text(sent))), FLAGS_FIELD, 1)
    return Harm(table=sent.table, content=content, words=("password",))


def rare_method(sent: Sent, draw: st.DrawFn) -> Harm:
    method, name = draw(st.sampled_from([(9, "Deflate64"), (12, "bzip2"), (98, "PPMd")]))
    content = altered(zipped(("people.csv", _text(sent))), METHOD_FIELD, method)
    return Harm(table=sent.table, content=content, words=(f"compressed by {name}",))


def cut_short(sent: Sent, draw: st.DrawFn) -> Harm:
    """Behind the signs by which a compressed file is known."""
    packed = pack(_text(sent), draw(st.sampled_from(PACKED)))
    content = packed[: draw(st.integers(10, len(packed) - 1))]
    return Harm(table=sent.table, content=content, words=("The compressed file",))


def spoilt(sent: Sent, draw: st.DrawFn) -> Harm:
    """A byte of the packed text is another one, as after a transfer in text mode."""
    packed = bytearray(pack(_text(sent), draw(st.sampled_from(["gzip", "zstd"]))))
    at = draw(st.integers(len(packed) // 2, len(packed) - 5))
    packed[at] ^= 1 << draw(st.integers(0, 7))
    return Harm(table=sent.table, content=bytes(packed), words=("The compressed file",))


def documents(sent: Sent, _draw: st.DrawFn) -> Harm:
    content = zipped(("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", _text(sent)))
    return Harm(table=sent.table, content=content, words=("an Excel workbook",))


KINDS: Sequence[Kind] = (
    side_files,
    two_files,
    tar,
    other_compression,
    packed_twice,
    password,
    rare_method,
    cut_short,
    spoilt,
    documents,
)
