// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IDispute} from "../interfaces/IDispute.sol";

/// @title The records of a round's trace and of a settlement. Python: `federation/trace`.
/// @dev Leaves are hashed twice, so that an inner node can never pass for a record.
library Trace {
    /// @dev keccak256("folkmoot.trace"), as in `federation/hashing.py`.
    bytes32 internal constant PURPOSE = keccak256("folkmoot.trace");

    uint8 internal constant ENTRY = 1;
    uint8 internal constant MEAN = 2;
    uint8 internal constant EXAMPLES = 3;
    uint8 internal constant POINT = 4;
    uint8 internal constant SUMS = 5;
    uint8 internal constant CHOICE = 6;
    uint8 internal constant NODE = 7;
    uint8 internal constant GRADIENT = 8;
    uint8 internal constant DIRECTION = 9;
    uint8 internal constant SYSTEM = 10;
    uint8 internal constant PROJECTED = 11;
    uint8 internal constant MEMBER = 12;
    uint8 internal constant IMPROVEMENT = 13;
    uint8 internal constant EXIT = 14;
    uint8 internal constant PAYMENT = 15;
    uint8 internal constant ROW = 16;

    /// @dev Step candidates are numbered from here among the points, points of the path from `PATH`.
    uint32 internal constant STEP = 256;
    uint32 internal constant PATH = 512;

    /// @dev Byte `op` is the number of values of a record of that kind; 0 where there is none.
    bytes17 private constant ARITY = hex"0007010403040303_03020e010b_0206_0506";

    /// @notice What separates the traces of all rounds, epochs, federations and chains; a settlement is round 0.
    function tag(address federation, uint64 epoch, uint32 round) internal view returns (bytes32) {
        return keccak256(abi.encode(PURPOSE, block.chainid, federation, epoch, round));
    }

    /// @notice How many values a record of a kind has; 0 if there is no such kind.
    function arity(uint8 op) internal pure returns (uint256) {
        return op < 17 ? uint8(ARITY[op]) : 0;
    }

    /// @notice Whether a record stands in the tree under `root`.
    function included(IDispute.Record calldata record, bytes32 root, bytes32 tag_) internal pure returns (bool) {
        bytes32 inner = keccak256(
            abi.encodePacked(
                PURPOSE, tag_, uint256(record.op), uint256(record.i), uint256(record.j), record.values
            )
        );
        return MerkleProof.verifyCalldata(record.proof, root, keccak256(bytes.concat(inner)));
    }

    /// @notice Refuse a record that is not the one under `root` that is meant.
    function open(
        IDispute.Record calldata record,
        bytes32 root,
        bytes32 tag_,
        uint8 op,
        uint256 i,
        uint256 j
    ) internal pure {
        bool meant = record.op == op && record.i == i && record.j == j && record.values.length == arity(op);
        if (!meant || !included(record, root, tag_)) revert IDispute.InvalidRecord(record.op, record.i, record.j);
    }
}
