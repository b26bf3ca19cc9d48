// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A deck of shards 1..size, drawn without replacement (Fisher-Yates, one swap per draw).
library ShardDeck {
    /// @dev keccak256("folkmoot.draw"), as in `federation/hashing.py`.
    bytes32 internal constant PURPOSE = keccak256("folkmoot.draw");

    /// @param swapped What stands at a position; 0 means the card it began with, position + 1.
    struct Deck {
        uint32 size;
        uint32 drawn;
        mapping(uint32 position => uint32 shard) swapped;
    }

    error DeckEmpty(uint32 size);

    /// @notice The seed of one draw: every party's contribution, in a fixed order of words.
    function seed(
        uint64 epoch,
        uint32 round,
        bytes32 beacon,
        bytes32[] calldata preimages,
        bytes32 commitRoot,
        bytes32 revealRoot
    ) internal view returns (bytes32) {
        return keccak256(
            bytes.concat(
                abi.encode(PURPOSE, block.chainid, address(this), epoch, round, beacon),
                abi.encodePacked(preimages),
                abi.encode(commitRoot, revealRoot)
            )
        );
    }

    /// @notice Take the shard at `drawn + seed_ mod (size - drawn)`.
    /// @dev The bias of the remainder is below 2^-224.
    function draw(Deck storage deck, bytes32 seed_) internal returns (uint32 shard) {
        uint32 top = deck.drawn;
        if (top >= deck.size) revert DeckEmpty(deck.size);
        uint32 position = top + uint32(uint256(seed_) % (deck.size - top));
        shard = _at(deck, position);
        deck.swapped[position] = _at(deck, top);
        deck.drawn = top + 1;
    }

    function _at(Deck storage deck, uint32 position) private view returns (uint32) {
        uint32 shard = deck.swapped[position];
        return shard == 0 ? position + 1 : shard;
    }
}
