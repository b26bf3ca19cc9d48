// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleRoot} from "../../libraries/MerkleRoot.sol";
import {ShardDeck} from "../../libraries/ShardDeck.sol";

/// @title Small pure rules, proved for every argument by `make halmos`.
contract DeckProofs {
    using ShardDeck for ShardDeck.Deck;

    ShardDeck.Deck internal deck;

    /// @dev Whatever the seeds, a deck is drawn empty in some order, each shard once.
    function check_draw_isAPermutation(bytes32 a, bytes32 b, bytes32 c) public {
        deck.size = 3;
        (uint32 x, uint32 y, uint32 z) = (deck.draw(a), deck.draw(b), deck.draw(c));
        assert(x >= 1 && x <= 3 && y >= 1 && y <= 3 && z >= 1 && z <= 3);
        assert(x != y && y != z && z != x);
    }

    /// @dev Two steps of the walk, against the rule written out.
    function check_climb_hashesSortedPairs(bytes32 leaf, bytes32[2] memory siblings) public view {
        bytes32[] memory proof = new bytes32[](2);
        (proof[0], proof[1]) = (siblings[0], siblings[1]);
        assert(this.climb(proof, leaf) == _pair(_pair(leaf, siblings[0]), siblings[1]));
    }

    function climb(bytes32[] calldata proof, bytes32 leaf) external pure returns (bytes32) {
        return MerkleRoot.climb(proof, leaf);
    }

    function _pair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }
}
