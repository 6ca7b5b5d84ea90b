"""Alternative names of interfaces: the kernel itself, its answer as recorded, and answers as they could be."""

from __future__ import annotations

import errno
import os
import re
import resource
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2kit.core.errors import Misconfigured, Unavailable
from ec2kit.host import links, nic

# Linux 6.18's answer for the altname ens5 of a veth v0: header, ifinfomsg, the first attributes.
LINK = bytes.fromhex(
    "3c00000010000000010000008b010000"
    "00000100030000000210000000000000"
    "070003007630000008000d00e803000005001000020000000500110000000000"
)
LINK = struct.pack("=I", len(LINK)) + LINK[4:]
NONE = bytes.fromhex("2400000002000000010000008b010000edffffff2c0000001200010001000000000000000000")[:36]


def test_the_kernel_itself() -> None:
    """An interface by its own name, and names that no interface can have; tests/packets/link.py has altnames."""
    assert links.named("lo") == "lo"
    for name in ("nope", "x" * 127, "x" * 128, "x" * 70000, "", "a\0", "\ud800", "\u00e9", "../lo"):
        assert links.named(name) is None, name


def test_its_answers() -> None:
    """The name, none, or an error; EINVAL is what a kernel without such names says."""
    assert links._answer(LINK) == "v0"
    assert links._answer(NONE) is None
    assert links._answer(NONE[:16] + struct.pack("=i", -errno.EINVAL) + NONE[20:]) is None
    for code in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOMEM):
        with pytest.raises(OSError, match=re.escape(os.strerror(code))):
            links._answer(NONE[:16] + struct.pack("=i", -code) + NONE[20:])


@given(st.data())
def test_an_answer_that_is_cut_off_or_damaged(data: st.DataObject) -> None:
    """One that is cut off tells nothing; one that is damaged never more than a name, or that it is odd."""
    whole = data.draw(st.sampled_from([LINK, NONE]))
    odd = (ValueError, struct.error, OSError)
    with pytest.raises(odd):
        links._answer(whole[: data.draw(st.integers(0, len(whole) - 1))])
    damaged = bytearray(whole)
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=4)):
        damaged[at] = byte
    try:
        found = links._answer(bytes(damaged))
    except odd:
        return
    assert found is None or isinstance(found, str)


def test_a_kernel_that_does_not_answer_proves_nothing() -> None:
    """No socket is to be had: unknown, and never that there is no such interface."""
    with pytest.raises(Misconfigured, match="no network interface nope"):
        nic.own_name("/sys", "nope")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        with pytest.raises(Unavailable, match="cannot ask the kernel whether nope is another name"):
            links.named("nope")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
