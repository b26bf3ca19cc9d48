// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A deck of shards 1..size, drawn without replacement (Fisher-Yates, one swap per draw).
library ShardDeck {
    /// @dev keccak256("folkmoot.draw"), as in `federation/hashing.py`.
    bytes32 internal constant PURPOSE = keccak256("folkmoot.draw");

    /// @param cards Eight to a slot: what stands at a position; 0 means the card it began with, position + 1.
    struct Deck {
        mapping(uint32 slot => uint256) cards;
    }

    /// @notice The seed of one draw: every party's contribution, in a fixed order of words.
    /// @param digest What the round has committed up to its reveals; see `RoundDigest`.
    function seed(uint64 epoch, uint32 round, bytes32 beacon, bytes32[] calldata preimages, bytes32 digest)
        internal
        view
        returns (bytes32)
    {
        return keccak256(
            bytes.concat(
                abi.encode(PURPOSE, block.chainid, address(this), epoch, round, beacon),
                abi.encodePacked(preimages),
                digest
            )
        );
    }

    /// @notice Take the shard at `drawn + seed_ mod (size - drawn)`; the caller sees to `drawn < size`.
    /// @dev The bias of the remainder is below 2^-224.
    function draw(Deck storage deck, uint32 size, uint32 drawn, bytes32 seed_) internal returns (uint32 shard) {
        uint32 position = drawn + uint32(uint256(seed_) % (size - drawn));
        shard = _at(deck, position);
        if (position != drawn) _put(deck, position, _at(deck, drawn));
    }

    function _at(Deck storage deck, uint32 position) private view returns (uint32) {
        uint32 shard = uint32(deck.cards[position / 8] >> (32 * (position % 8)));
        return shard == 0 ? position + 1 : shard;
    }

    function _put(Deck storage deck, uint32 position, uint32 shard) private {
        uint256 shift = 32 * (position % 8);
        uint256 others = deck.cards[position / 8] & ~(uint256(type(uint32).max) << shift);
        deck.cards[position / 8] = others | (uint256(shard) << shift);
    }
}
