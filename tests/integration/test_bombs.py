"""Files made to exhaust a check, in small, checked by the command; `make bombs` has large ones."""

from pathlib import Path

import pytest

from benchmarks.bomb_files import BOMBS, ENTRIES, PACKED
from benchmarks.bombs import measure_check

CODES = {
    "zstd": "expands-too-far",
    "gzip": "expands-too-far",
    "gzip of wide rows": "repeats-itself",
    "gzip behind text": "expands-too-far",
    "zip": "expands-too-far",
    ENTRIES: "too-many-members",
    "long field": "row-too-long",
    "long field of lines": "row-too-long",
    "long line": "row-too-long",
    "long header": "too-many-columns",
}
MEMORY_BYTES = 400 << 20
SCRATCH_BYTES = 600 << 20


def test_every_bomb_is_tried() -> None:
    assert set(CODES) == set(BOMBS)


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_by_its_kind_and_takes_little(tmp_path: Path, kind: str) -> None:
    size = 200_000 if kind == ENTRIES else (1 << 30 if kind in PACKED else 16 << 20)
    bomb, scratch = tmp_path / "bomb", tmp_path / "scratch"
    scratch.mkdir()
    BOMBS[kind](bomb, size)
    refusal = measure_check(bomb, scratch)
    bomb.unlink()
    assert refusal.codes == (CODES[kind],)
    assert refusal.memory_bytes < MEMORY_BYTES
    assert refusal.scratch_bytes < SCRATCH_BYTES
    assert not list(scratch.iterdir())
