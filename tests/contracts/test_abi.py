"""Values that do not fit are refused on either side of the chain."""

from __future__ import annotations

import pytest

from contracts import abi
from contracts.bindings.federation import RoundOpened
from contracts.bindings.moot_token import MootToken
from contracts.bindings.reward_pool import Paid
from contracts.chain import Log
from contracts.hints import HINTS
from federation.errors import ChainError, Reverted
from federation.hashing import word
from federation.types import Address, Hash32

from .conftest import World, h, key


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("bytes32", b"\1" * 31),
        ("bytes32", "0x" + "11" * 32),
        ("bytes32[]", [b"\1" * 32, b""]),
        ("(uint32,bytes32)", (1, b"\1" * 33)),
        ("uint32", -1),
        ("uint32", 1 << 32),
        ("uint256", 1.0),
        ("address", "0x1234"),
    ],
)
def test_value_is_refused_when_it_does_not_fit_its_type(kind: str, value: object) -> None:
    with pytest.raises(ChainError):
        abi.encode([kind], [value])


def test_parameter_types_are_split_when_tuples_and_arrays_nest() -> None:
    assert abi.parameter_types("f(uint8,(bytes32,(int8,bool)[])[],address)") == (
        "uint8",
        "(bytes32,(int8,bool)[])[]",
        "address",
    )
    assert abi.parameter_types("f()") == ()


def test_address_checksum_is_that_of_eip_55() -> None:
    for known in ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"):
        assert abi.to_address(bytes.fromhex(known[2:])) == known


@pytest.mark.parametrize("text", ["", "0x12", "zz" * 20])
def test_address_is_refused_when_it_is_none(text: str) -> None:
    with pytest.raises(ChainError):
        abi.to_bytes(Address(text))


def test_read_fails_with_a_hint_when_no_contract_is_there(shared_world: World) -> None:
    with pytest.raises(ChainError) as info:
        MootToken(shared_world.chain, key("nobody").address).total_supply()
    assert info.value.hint is not None


def log(topics: tuple[bytes, ...], data: bytes) -> Log:
    words = tuple(Hash32(t) for t in topics)
    return Log(
        address=key("c").address,
        topics=words,
        data=data,
        block_number=1,
        index=0,
        transaction_hash=h("transaction"),
    )


def test_events_are_picked_by_topic_and_refused_when_cut_short() -> None:
    first = abi.topic(RoundOpened.SIGNATURE)
    good = log((first, abi.encode(["uint64"], [7]), abi.encode(["uint32"], [2])), h("base") + word(9))
    (event,) = RoundOpened.decode_logs([log((abi.topic(Paid.SIGNATURE),), b""), good, log((), b"")])
    assert (event.epoch, event.round_, event.base_hash, event.deadline) == (7, 2, h("base"), 9)
    assert event.log == good
    for bad in (log(good.topics, b"\1" * 31), log(good.topics[:2], good.data)):
        with pytest.raises(ChainError):
            RoundOpened.decode_logs([bad])


def test_revert_data_is_named_when_known_and_kept_when_not() -> None:
    known = abi.selector("RoundsRemain(uint32,uint32)") + abi.encode(["uint32", "uint32"], [1, 2])
    error = abi.reverted(known)
    assert (error.name, error.args_, error.hint) == ("RoundsRemain", (1, 2), HINTS["RoundsRemain"])
    panic = abi.reverted(abi.selector("Panic(uint256)") + abi.encode(["uint256"], [0x11]))
    assert (panic.name, panic.args_) == ("Panic", (0x11,))
    for data, args in ((b"", ()), (b"\1\2\3\4\5", ("0102030405",))):
        unknown = abi.reverted(data)
        assert isinstance(unknown, Reverted)
        assert (unknown.name, unknown.args_) == ("unknown", args)
    assert abi.reverted(known[:-1]).name == "RoundsRemain"
