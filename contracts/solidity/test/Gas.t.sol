// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContributorRegistry} from "../ContributorRegistry.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {Tree} from "./Tree.sol";
import {World} from "./World.sol";

/// @title Gas of whole transactions: each pays for its calldata and finds all storage cold.
/// @dev The claim of 1 is the pool's very first, which makes its `totalPaid` too.
/// forge-config: default.isolate = true
contract GasTest is World {
    uint256 internal constant KEY = 0xA11CE;

    function test_gas_ofAnEpoch() public {
        for (uint256 epoch = 1; epoch <= 2; ++epoch) {
            string memory when = epoch == 1 ? "first" : "later";
            _do("openEpoch, 2 providers", when);
            for (uint256 round = 1; round <= 2; ++round) {
                when = epoch == 1 && round == 1 ? "first" : "later";
                _do("openRound", when);
                _do("closeCommits", when);
                _do("closeReveals", when);
                vm.roll(uint256(federation.drawTarget()) + 257);
                federation.retarget();
                _save("retarget", when);
                _do("drawShard, 2 providers", when);
                _do("recordRound", when);
            }
            when = epoch == 1 ? "first" : "later";
            _do("revealEpoch", when);
            uint256 total = epoch * FUNDS / 4;
            vm.prank(AGGREGATOR);
            federation.propose(keccak256(abi.encode("table", epoch)), total);
            _save("propose", when);
            _do("finalize", when);
            pool.fund(FUNDS);
            _save("fund", when);
        }
    }

    function test_gas_ofAClaim() public {
        uint16[4] memory sizes = [1, 10, 100, 1000];
        for (uint256 s = 0; s < sizes.length; ++s) {
            uint256 size = sizes[s];
            string memory name = string.concat("claim of ", vm.toString(size));
            address payee = address(uint160(0xBEEF0000 + size));
            for (uint256 time = 1; time <= 2; ++time) {
                bytes32[] memory leaves = new bytes32[](size);
                for (uint256 i = 0; i < size; ++i) {
                    leaves[i] = keccak256(abi.encode(i));
                }
                leaves[0] = Leaves.payout(address(pool), payee, time * 1e18);
                _post(Tree.root(leaves), pool.totalPaid() + 1e18);
                pool.claim(payee, time * 1e18, Tree.proof(leaves, 0));
                _save(name, time == 1 ? "first" : "later");
            }
        }
    }

    function test_gas_ofARegistration() public {
        ContributorRegistry registry = new ContributorRegistry(token, 1);
        address payee = vm.addr(KEY);
        for (uint256 nonce = 0; nonce < 2; ++nonce) {
            bytes32 did = keccak256(abi.encode("did", nonce));
            bytes32 kind = keccak256("Register(address payee,bytes32 didHash,uint256 nonce,uint256 deadline)");
            bytes32 domain = keccak256(
                abi.encode(
                    keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                    keccak256("Folkmoot ContributorRegistry"),
                    keccak256("1"),
                    block.chainid,
                    registry
                )
            );
            bytes32 statement = keccak256(abi.encode(kind, payee, did, nonce, uint256(1e10)));
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, keccak256(abi.encodePacked(hex"1901", domain, statement)));
            registry.registerBySig(payee, did, nonce, 1e10, abi.encodePacked(r, s, v));
            _save("registerBySig", nonce == 0 ? "first" : "later");
        }
    }

    /// @dev Sends the legal step that `name` stands for and saves its gas.
    function _do(string memory name, string memory when) private {
        step();
        _save(name, when);
    }

    function _save(string memory name, string memory when) private {
        vm.snapshotGasLastCall("gas", string.concat(name, ", ", when));
    }

    function _post(bytes32 root, uint256 total) private {
        pool.fund(FUNDS);
        reach(IFederation.Phase.Closed);
        step();
        reach(IFederation.Phase.Revealed);
        vm.prank(AGGREGATOR);
        federation.propose(root, total);
        step();
    }
}
