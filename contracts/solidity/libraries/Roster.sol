// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {IFederation} from "../interfaces/IFederation.sol";

/// @title A member's line of the agreed roster, shown by its leaf under `rosterRoot`.
library Roster {
    struct Seat {
        uint32 index;
        bytes32 didHash;
        uint256 quota;
        uint256 cap;
        address payee;
        bytes32[] proof;
    }

    /// @notice The epoch's roster has no such line at this place.
    error NotSeated(uint32 index, bytes32 didHash);

    /// @notice Revert unless the seat stands in the epoch's roster.
    function requireSeat(IFederation.EpochTerms calldata terms, Seat calldata seat) internal pure {
        bytes32 leaf = keccak256(
            bytes.concat(keccak256(abi.encode(seat.index, seat.didHash, seat.quota, seat.cap, seat.payee)))
        );
        if (seat.index >= terms.members || !MerkleProof.verifyCalldata(seat.proof, terms.rosterRoot, leaf)) {
            revert NotSeated(seat.index, seat.didHash);
        }
    }
}
