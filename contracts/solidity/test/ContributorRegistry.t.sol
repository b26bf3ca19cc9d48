// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

import {ContributorRegistry} from "../ContributorRegistry.sol";
import {MootToken} from "../MootToken.sol";
import {IContributorRegistry} from "../interfaces/IContributorRegistry.sol";
import {Base} from "./Base.sol";

/// @title A smart wallet that accepts one digest.
contract Wallet is IERC1271 {
    bytes32 public accepted;

    function accept(bytes32 digest) external {
        accepted = digest;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return digest == accepted ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

/// @title Registration by signature.
contract ContributorRegistryTest is Base {
    uint256 internal constant KEY = 0xA11CE;
    uint256 internal constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    bytes32 internal constant DID = keccak256("did:key:z1");
    uint256 internal constant NEVER = type(uint256).max;

    ContributorRegistry internal registry;
    address internal payee;

    function setUp() public {
        registry = new ContributorRegistry(new MootToken(), 1);
        payee = vm.addr(KEY);
    }

    function testFuzz_registerBySig_records_whoeverSendsIt(uint256 key, bytes32 did, address sender) public {
        key = bound(key, 1, ORDER - 1);
        address signer = vm.addr(key);
        bytes memory signature = _sign(key, signer, did, 0, NEVER);
        vm.expectEmit(address(registry));
        emit IContributorRegistry.Registered(did, signer);
        vm.prank(sender);
        registry.registerBySig(signer, did, 0, NEVER, signature);
        check(registry.accepts(did, signer), "accepts");
        eq(registry.nonces(signer), 1, "nonce");
    }

    function testFuzz_registerBySig_isRefused_fromAnotherSigner(uint256 key) public {
        key = bound(key, 1, ORDER - 1);
        vm.assume(key != KEY);
        _refused(IContributorRegistry.InvalidSignature.selector, 0, NEVER, _sign(key, payee, DID, 0, NEVER));
    }

    function testFuzz_registerBySig_isRefused_whenAnotherStatementWasSigned(bytes32 did, uint256 deadline) public {
        vm.assume(did != DID && deadline != NEVER);
        bytes4 invalid = IContributorRegistry.InvalidSignature.selector;
        _refused(invalid, 0, NEVER, _sign(KEY, payee, did, 0, NEVER));
        _refused(invalid, 0, NEVER, _sign(KEY, payee, DID, 0, deadline));
        _refused(invalid, 0, NEVER, _sign(KEY, payee, DID, 1, NEVER));
        _refused(invalid, 0, NEVER, _sign(KEY, address(this), DID, 0, NEVER));
    }

    function test_registerBySig_isRefused_forTheZeroPayee() public {
        vm.expectRevert(abi.encodeWithSelector(IContributorRegistry.InvalidSignature.selector, address(0)));
        registry.registerBySig(address(0), DID, 0, NEVER, new bytes(65));
    }

    function test_registerBySig_isRefused_withTheOtherHalfOfTheCurve() public {
        bytes32 digest = _digest(payee, DID, 0, NEVER);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, digest);
        bytes memory flipped = abi.encodePacked(r, bytes32(ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        _refused(IContributorRegistry.InvalidSignature.selector, 0, NEVER, flipped);
    }

    function test_registerBySig_isRefused_onAnotherChain_andInAnotherRegistry() public {
        bytes memory signature = _sign(KEY, payee, DID, 0, NEVER);
        uint256 id = block.chainid;
        vm.chainId(id + 1);
        _refused(IContributorRegistry.InvalidSignature.selector, 0, NEVER, signature);
        vm.chainId(id);
        ContributorRegistry first = registry;
        registry = new ContributorRegistry(new MootToken(), 1);
        _refused(IContributorRegistry.InvalidSignature.selector, 0, NEVER, signature);
        first.registerBySig(payee, DID, 0, NEVER, signature);
    }

    function test_registerBySig_isRefused_afterItsDeadline() public {
        vm.warp(1000);
        bytes memory signature = _sign(KEY, payee, DID, 0, 1000);
        vm.warp(1001);
        vm.expectRevert(abi.encodeWithSelector(IContributorRegistry.SignatureExpired.selector, 1000));
        registry.registerBySig(payee, DID, 0, 1000, signature);
        vm.warp(1000);
        registry.registerBySig(payee, DID, 0, 1000, signature);
    }

    function testFuzz_registerBySig_isRefused_withAnotherNonce(uint256 nonce) public {
        vm.assume(nonce != 0);
        bytes memory signature = _sign(KEY, payee, DID, nonce, NEVER);
        vm.expectRevert(abi.encodeWithSelector(IContributorRegistry.InvalidNonce.selector, nonce, 0));
        registry.registerBySig(payee, DID, nonce, NEVER, signature);
    }

    function test_registerBySig_isRefused_twice_andCountsOn() public {
        registry.registerBySig(payee, DID, 0, NEVER, _sign(KEY, payee, DID, 0, NEVER));
        bytes memory again = _sign(KEY, payee, DID, 1, NEVER);
        vm.expectRevert(abi.encodeWithSelector(IContributorRegistry.AlreadyRegistered.selector, DID, payee));
        registry.registerBySig(payee, DID, 1, NEVER, again);
        registry.registerBySig(payee, "second", 1, NEVER, _sign(KEY, payee, "second", 1, NEVER));
        check(registry.accepts("second", payee) && registry.accepts(DID, payee), "both");
        eq(registry.nonces(payee), 2, "nonce");
    }

    function test_registerBySig_asksTheWallet_whenThePayeeIsAContract() public {
        Wallet wallet = new Wallet();
        payee = address(wallet);
        _refused(IContributorRegistry.InvalidSignature.selector, 0, NEVER, "");
        wallet.accept(_digest(payee, DID, 0, NEVER));
        registry.registerBySig(payee, DID, 0, NEVER, "");
        check(registry.accepts(DID, payee), "accepts");
    }

    function _refused(bytes4 selector, uint256 nonce, uint256 deadline, bytes memory signature) private {
        vm.expectRevert(abi.encodeWithSelector(selector, payee));
        registry.registerBySig(payee, DID, nonce, deadline, signature);
    }

    function _sign(uint256 key, address payee_, bytes32 did, uint256 nonce, uint256 deadline)
        private
        returns (bytes memory)
    {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, _digest(payee_, did, nonce, deadline));
        return abi.encodePacked(r, s, v);
    }

    /// @dev EIP-712 written out, so that a change of the contract's domain or type is seen here.
    function _digest(address payee_, bytes32 did, uint256 nonce, uint256 deadline) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Folkmoot ContributorRegistry"),
                keccak256("1"),
                block.chainid,
                registry
            )
        );
        bytes32 kind = keccak256("Register(address payee,bytes32 didHash,uint256 nonce,uint256 deadline)");
        bytes32 statement = keccak256(abi.encode(kind, payee_, did, nonce, deadline));
        return keccak256(abi.encodePacked(hex"1901", domain, statement));
    }
}
