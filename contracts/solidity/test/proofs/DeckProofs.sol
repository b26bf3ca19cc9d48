// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ShardDeck} from "../../libraries/ShardDeck.sol";

/// @title The draw of shards, proved for every seed by `make halmos`.
contract DeckProofs {
    using ShardDeck for ShardDeck.Deck;

    ShardDeck.Deck internal deck;

    /// @dev Whatever the seeds, a deck is drawn empty in some order, each shard once.
    function check_draw_isAPermutation(bytes32 a, bytes32 b, bytes32 c) public {
        (uint32 x, uint32 y, uint32 z) = (deck.draw(3, 0, a), deck.draw(3, 1, b), deck.draw(3, 2, c));
        assert(x >= 1 && x <= 3 && y >= 1 && y <= 3 && z >= 1 && z <= 3);
        assert(x != y && y != z && z != x);
    }
}
