"""Seeded damage to files: what disks, networks, editors, spreadsheets and ill will do to them."""

import re
from collections.abc import Callable
from random import Random

NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
HUGE = (
    *(b"9" * 5000, b"1e308", b"1e999", b"-1e308", b"1e-320", b"-1", b"0", b"nan", b"inf", b"-inf", b"1" * 18, b"4294967296"),
    *(b"2147483648", b"-2147483649", b"65536", b"0x41", b"1_000", b"1,5", b"1.5.2", b"", b" ", b"--", b"\xc2\xb2", b"1e", b"\xd9\xa3"),
)
NESTED = {
    "toml": (b"x = " + b"[" * 20_000 + b"]" * 20_000 + b"\n", b"x = " + b"{a = " * 5_000, b"[" + b"a." * 20_000 + b"a]\n"),
    "xml": (b"<a>" * 20_000 + b"</a>" * 20_000, b"<a " + b'b="1" ' * 20_000 + b"/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;" * 100),
    "json": (b"[" * 20_000, b'{"a": ' * 20_000, b"[" * 5_000 + b"]" * 5_000, b"null", b'"muscles"'),
    "text": (b"\t" * 50_000, b"a\t" * 20_000 + b"\n", b"\n" * 50_000, b'"' * 1000),
    "binary": (b"\x00" * 5_000, b"\xff" * 5_000),
}
NESTED["capture"] = NESTED["binary"]
# Bytes of header and parameters: of a small c3d, and of a laboratory's.
_MEANING = {"binary": 2048, "capture": 24_064}
MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00", b"\x1a")


def mutant(original: bytes, kind: str, random: Random) -> bytes:
    """Return a damaged copy.

    Args:
        original: a sound file.
        kind: "toml", "xml", "json", "text", "binary" or "capture".
        random: seeded; the same state gives the same damage.
    """
    data = original
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        data = random.choice(_WAYS)(data, kind, random) or b" "
    return data


def _flip_bits(data: bytes, kind: str, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8, 64))):
        changed[_place(data, kind, random)] ^= 1 << random.randrange(8)
    return bytes(changed)


def _set_bytes(data: bytes, kind: str, random: Random) -> bytes:
    changed = bytearray(data)
    at = _place(data, kind, random)
    for i in range(at, min(len(data), at + random.choice((1, 2, 4)))):
        changed[i] = random.choice((0, 1, 127, 128, 255, random.randrange(256)))
    return bytes(changed)


def _cut(data: bytes, kind: str, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _drop(data: bytes, kind: str, random: Random) -> bytes:
    start = random.randrange(len(data) + 1)
    return data[:start] + data[start + random.choice((1, 3, 20, 200, 512)) :]


def _duplicate(data: bytes, kind: str, random: Random) -> bytes:
    start = random.randrange(len(data) + 1)
    block = data[start : start + random.choice((1, 10, 100, 512))]
    return data[:start] + block * random.choice((2, 3, 50)) + data[start + len(block) :]


def _replace_number(data: bytes, kind: str, random: Random) -> bytes:
    if kind in _MEANING:
        return _set_bytes(data, kind, random)
    found = list(NUMBER.finditer(data))
    if not found:
        return data
    chosen = random.choice(found[:40] if random.random() < 0.5 else found)  # headers hold the counts
    return data[: chosen.start()] + random.choice(HUGE) + data[chosen.end() :]


def _nest(data: bytes, kind: str, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(NESTED[kind]) + data[at:]


def _swap_lines(data: bytes, kind: str, random: Random) -> bytes:
    lines = data.split(b"\n")
    i, j = random.randrange(len(lines)), random.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]
    return b"\n".join(lines)


def _mark(data: bytes, kind: str, random: Random) -> bytes:
    at = random.choice((0, 0, random.randrange(len(data) + 1)))
    return data[:at] + random.choice(MARKS) + data[at:]


def _place(data: bytes, kind: str, random: Random) -> int:
    """Return where to damage: in binary files mostly the header and the parameters, where the meaning lies."""
    if kind in _MEANING and random.random() < 0.8:
        return random.randrange(min(len(data), _MEANING[kind]))
    return random.randrange(len(data))


_WAYS: tuple[Callable[[bytes, str, Random], bytes], ...] = (
    *(_flip_bits, _set_bytes, _cut, _drop, _duplicate, _replace_number, _nest, _swap_lines, _mark),
    *(_flip_bits, _replace_number, _replace_number),
)
