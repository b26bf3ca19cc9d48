// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDispute} from "../interfaces/IDispute.sol";
import {Blobs} from "../libraries/Blobs.sol";
import {Vectors} from "../libraries/Vectors.sol";
import {Base} from "./Base.sol";

/// @title Vectors in call data against plain loops over memory.
contract VectorsTest is Base {
    function root(bytes calldata data) external pure returns (bytes32) {
        return Vectors.root(data);
    }

    function open(bytes calldata data, int256 commitment, uint256 count) external pure {
        Vectors.open(data, commitment, count);
    }

    function entry(IDispute.Chunk calldata chunk, int256 commitment, uint256 index, uint256 count)
        external
        pure
        returns (int256)
    {
        return Vectors.entry(chunk, commitment, index, count);
    }

    function read(bytes calldata data, uint256 index) external pure returns (int256) {
        return Vectors.read(data, index);
    }

    function dot(bytes calldata a, bytes calldata b) external pure returns (int256) {
        return Vectors.dot(a, b);
    }

    function little(bytes calldata data, uint256 offset, uint256 size) external pure returns (uint256) {
        return Blobs.little(data, offset, size);
    }

    function delta(bytes calldata data, int256 hash, uint256 dim) external pure returns (bytes memory) {
        return Blobs.delta(data, hash, dim);
    }

    function testFuzz_readIsEveryEntryOfTheBytes(int64[] calldata values) public view {
        bytes memory data = encoded(values);
        for (uint256 k = 0; k < values.length; ++k) {
            eq(uint256(this.read(data, k)), uint256(int256(values[k])), "an entry is the value at its place");
        }
    }

    function testFuzz_readStopsAtTheEnd(int64[] calldata values, uint256 index) public {
        index = bound(index, values.length, type(uint256).max);
        bytes memory data = encoded(values);
        vm.expectRevert(abi.encodeWithSelector(IDispute.NoSuchEntry.selector, index, values.length));
        this.read(data, index);
    }

    function testFuzz_dotIsTheSumOfProducts(int64[] calldata a, int64[] calldata b) public {
        bytes memory x = encoded(a);
        bytes memory y = encoded(b);
        if (a.length != b.length) {
            vm.expectRevert(abi.encodeWithSelector(IDispute.NoSuchEntry.selector, a.length, b.length));
            this.dot(x, y);
            return;
        }
        eq(uint256(this.dot(x, y)), uint256(product(a, b)), "the inner product");
    }

    function testFuzz_dotOfAVectorWithItself(int64[] calldata a) public view {
        bytes memory x = encoded(a);
        eq(uint256(this.dot(x, x)), uint256(product(a, a)), "the squared norm");
    }

    function testFuzz_rootIsOverChunks(uint256 seed, uint256 count) public view {
        count = bound(count, 0, 1100);
        bytes memory data = random(seed, count);
        bytes memory hashes;
        for (uint256 at_ = 0; at_ < data.length; at_ += 4096) {
            hashes = bytes.concat(hashes, keccak256(slice(data, at_)));
        }
        eq(this.root(data), keccak256(hashes), "the root is over the chunks' hashes");
        this.open(data, int256(uint256(keccak256(hashes))), count);
    }

    function testFuzz_entryIsShownByItsChunk(uint256 seed, uint256 count, uint256 index) public {
        count = bound(count, 1, 1100);
        index = bound(index, 0, count - 1);
        bytes memory data = random(seed, count);
        int256 commitment = int256(uint256(this.root(data)));
        IDispute.Chunk memory chunk = chunkOf(data, index);
        int256 found = this.entry(chunk, commitment, index, count);
        eq(uint256(found), uint256(this.read(data, index)), "the entry of the whole vector");

        vm.expectRevert(abi.encodeWithSelector(IDispute.NoSuchEntry.selector, count, count));
        this.entry(chunk, commitment, count, count);
        bytes memory refusal = abi.encodeWithSelector(IDispute.WrongVector.selector, commitment);
        vm.expectRevert(refusal);
        this.entry(chunk, commitment, index, count + 512);
        vm.expectRevert(abi.encodeWithSelector(IDispute.WrongVector.selector, commitment ^ 1));
        this.entry(chunk, commitment ^ 1, index, count);
        chunk.data[index % 512 * 8] ^= 0x01;
        vm.expectRevert(refusal);
        this.entry(chunk, commitment, index, count);
    }

    function testFuzz_openRefusesAnotherLength(uint256 seed, uint256 count) public {
        count = bound(count, 0, 600);
        bytes memory data = random(seed, count);
        int256 commitment = int256(uint256(this.root(data)));
        vm.expectRevert(abi.encodeWithSelector(IDispute.WrongVector.selector, commitment));
        this.open(data, commitment, count + 1);
        data = bytes.concat(data, bytes8(0));
        vm.expectRevert(abi.encodeWithSelector(IDispute.WrongVector.selector, commitment));
        this.open(data, commitment, count + 1);
    }

    function testFuzz_littleIsTheNumberReversed(uint64 value, uint256 size, bytes calldata head) public {
        size = bound(size, 1, 8);
        bytes memory data = bytes.concat(head, bytes8(reversed(value)));
        uint256 expected = value & (2 ** (8 * size) - 1);
        eq(this.little(data, head.length, size), expected, "the number");
        vm.expectRevert(
            abi.encodeWithSelector(IDispute.NoSuchEntry.selector, data.length + size, data.length)
        );
        this.little(data, data.length, size);
    }

    function test_deltaIsRefusedInAnotherFormat() public {
        bytes memory good = bytes.concat("FMD1", hex"02000000", bytes16(0));
        bytes32 right = sha256(good);
        eq(this.delta(good, int256(uint256(right)), 2).length, 16, "two entries");
        bytes[4] memory bad = [
            bytes.concat("FMD2", hex"02000000", bytes16(0)),
            bytes.concat("FMD1", hex"03000000", bytes16(0)),
            bytes.concat("FMD1", hex"02000000", bytes16(0), hex"00"),
            bytes.concat("FMD1", hex"0200")
        ];
        for (uint256 k = 0; k < bad.length; ++k) {
            bytes32 hash = sha256(bad[k]);
            vm.expectRevert(abi.encodeWithSelector(IDispute.WrongFormat.selector, hash));
            this.delta(bad[k], int256(uint256(hash)), 2);
            vm.expectRevert(abi.encodeWithSelector(IDispute.WrongBytes.selector, right, hash));
            this.delta(bad[k], int256(uint256(right)), 2);
        }
    }

    function product(int64[] calldata a, int64[] calldata b) private pure returns (int256 sum) {
        for (uint256 k = 0; k < a.length; ++k) {
            sum += int256(a[k]) * int256(b[k]);
        }
    }

    function encoded(int64[] calldata values) private pure returns (bytes memory data) {
        data = new bytes(8 * values.length);
        for (uint256 k = 0; k < values.length; ++k) {
            for (uint256 n = 0; n < 8; ++n) {
                data[8 * k + n] = bytes1(uint8(uint64(values[k]) >> (8 * n)));
            }
        }
    }

    function random(uint256 seed, uint256 count) private pure returns (bytes memory data) {
        data = new bytes(8 * count);
        for (uint256 k = 0; k < data.length; k += 31) {
            data[k] = bytes1(uint8(uint256(keccak256(abi.encode(seed, k)))));
        }
    }

    function chunkOf(bytes memory data, uint256 index) private pure returns (IDispute.Chunk memory) {
        bytes32[] memory hashes = new bytes32[]((data.length + 4095) / 4096);
        for (uint256 c = 0; c < hashes.length; ++c) {
            hashes[c] = keccak256(slice(data, 4096 * c));
        }
        return IDispute.Chunk(hashes, slice(data, index / 512 * 4096));
    }

    function slice(bytes memory data, uint256 start) private pure returns (bytes memory part) {
        uint256 left = data.length - start;
        part = new bytes(left < 4096 ? left : 4096);
        for (uint256 k = 0; k < part.length; ++k) {
            part[k] = data[start + k];
        }
    }

    function reversed(uint64 value) private pure returns (uint64 result) {
        for (uint256 k = 0; k < 8; ++k) {
            result = result << 8 | (value >> (8 * k)) & 0xff;
        }
    }
}
