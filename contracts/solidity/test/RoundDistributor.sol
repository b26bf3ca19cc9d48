// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

/// @title For comparison only: a Merkle root per round, each claimed on its own.
contract RoundDistributor {
    using SafeERC20 for IERC20;
    using BitMaps for BitMaps.BitMap;

    IERC20 private immutable TOKEN;
    mapping(uint256 round => bytes32) private _roots;
    mapping(uint256 round => BitMaps.BitMap) private _claimed;

    error Refused();

    constructor(IERC20 token) {
        TOKEN = token;
    }

    function post(uint256 round, bytes32 root) external {
        _roots[round] = root;
    }

    function claim(uint256 round, uint256 index, address to, uint256 amount, bytes32[] calldata proof) external {
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(index, to, amount))));
        bool right = MerkleProof.verifyCalldata(proof, _roots[round], leaf);
        if (!right || _claimed[round].get(index)) revert Refused();
        _claimed[round].set(index);
        TOKEN.safeTransfer(to, amount);
    }
}
