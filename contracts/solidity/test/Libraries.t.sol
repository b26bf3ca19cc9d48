// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {MootToken} from "../MootToken.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {ShardDeck} from "../libraries/ShardDeck.sol";
import {Base} from "./Base.sol";
import {Tree} from "./Tree.sol";

/// @title The deck against a naive list, leaves and proofs against OpenZeppelin's JavaScript, the token's minter.
contract LibrariesTest is Base {
    using ShardDeck for ShardDeck.Deck;

    ShardDeck.Deck internal deck;

    function testFuzz_draw_takesFromTheDeck_asFromAList(uint32 size, bytes32 seed) public {
        size = uint32(bound(size, 1, 64));
        uint32[] memory list = new uint32[](size);
        for (uint32 i = 0; i < size; ++i) {
            list[i] = i + 1;
        }
        for (uint32 top = 0; top < size; ++top) {
            seed = keccak256(abi.encode(seed));
            uint256 chosen = top + uint256(seed) % (size - top);
            (list[top], list[chosen]) = (list[chosen], list[top]);
            eq(deck.draw(size, top, seed), list[top], "card");
        }
    }

    function test_draw_givesEveryCardOnce_whenTheDeckIsDrawnOut() public {
        bool[] memory seen = new bool[](201);
        for (uint32 i = 0; i < 200; ++i) {
            uint32 card = deck.draw(200, i, keccak256(abi.encode(i)));
            check(card >= 1 && card <= 200 && !seen[card], "a new card");
            seen[card] = true;
        }
    }

    function test_leavesAndProofs_areThoseOfTheVectors() public {
        string memory json = vm.readFile("../../tests/vectors/merkle.json");
        vm.chainId(31337);
        uint8[10] memory sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 100];
        for (uint256 v = 0; v < sizes.length; ++v) {
            string memory tree = string.concat(".vectors[", vm.toString(v), "]");
            bytes32 root = vm.parseJsonBytes32(json, string.concat(tree, ".root"));
            uint256 shown = sizes[v] <= 9 ? sizes[v] : 6;
            for (uint256 p = 0; p < shown; ++p) {
                string memory entry = string.concat(tree, ".proofs[", vm.toString(p), "]");
                uint256 index = vm.parseJsonUint(json, string.concat(entry, ".leaf"));
                bytes32[] memory proof = vm.parseJsonBytes32Array(json, string.concat(entry, ".proof"));
                bytes32 leaf = _leaf(json, string.concat(tree, ".leaves[", vm.toString(index), "]"));
                check(MerkleProof.verify(proof, root, leaf), entry);
                check(!MerkleProof.verify(proof, root, keccak256(abi.encode(leaf))), "another leaf");
            }
        }
    }

    function testFuzz_tree_provesEveryLeaf_toOpenZeppelin(bytes32[] memory leaves, uint256 index, bytes32 other)
        public
    {
        vm.assume(leaves.length > 0);
        index = bound(index, 0, leaves.length - 1);
        bytes32[] memory proof = Tree.proof(leaves, index);
        check(MerkleProof.verify(proof, Tree.root(leaves), leaves[index]), "a leaf");
        vm.assume(other != leaves[index]);
        check(!MerkleProof.verify(proof, Tree.root(leaves), other), "not a leaf");
    }

    function testFuzz_mint_isTheDeployersAlone(address caller, uint256 amount) public {
        MootToken token = new MootToken();
        vm.assume(caller != address(this));
        vm.expectRevert(abi.encodeWithSelector(MootToken.NotMinter.selector, caller));
        vm.prank(caller);
        token.mint(caller, amount);
        token.mint(address(0xB0B), amount);
        eq(token.balanceOf(address(0xB0B)), amount, "minted");
        eq(token.totalSupply(), amount, "supply");
    }

    function _leaf(string memory json, string memory row) private returns (bytes32) {
        address pool = vm.parseJsonAddress(json, string.concat(row, "[1]"));
        address payee = vm.parseJsonAddress(json, string.concat(row, "[2]"));
        return Leaves.payout(pool, payee, vm.parseJsonUint(json, string.concat(row, "[3]")));
    }
}
