// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IContributorRegistry} from "./interfaces/IContributorRegistry.sol";

/// @title See `interfaces/IContributorRegistry.sol`, which says what every function does.
contract ContributorRegistry is IContributorRegistry, EIP712 {
    bytes32 private constant REGISTER_TYPEHASH =
        keccak256("Register(address payee,bytes32 didHash,uint256 nonce,uint256 deadline)");

    mapping(bytes32 didHash => mapping(address payee => bool)) public accepts;
    mapping(address payee => uint256) public nonces;

    constructor() EIP712("Folkmoot ContributorRegistry", "1") {}

    /// @inheritdoc IContributorRegistry
    function registerBySig(
        address payee,
        bytes32 didHash,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        if (accepts[didHash][payee]) revert AlreadyRegistered(didHash, payee);
        if (nonce != nonces[payee]) revert InvalidNonce(nonce, nonces[payee]);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(REGISTER_TYPEHASH, payee, didHash, nonce, deadline)));
        if (!SignatureChecker.isValidSignatureNow(payee, digest, signature)) revert InvalidSignature(payee);

        nonces[payee] = nonce + 1;
        accepts[didHash][payee] = true;
        emit Registered(didHash, payee);
    }
}
