// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContributorRegistry} from "../ContributorRegistry.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {World} from "./World.sol";

/// @title Gas of whole transactions: each pays for its calldata and finds all storage cold.
/// forge-config: default.isolate = true
contract GasTest is World {
    uint256 internal constant KEY = 0xA11CE;

    function test_gas_ofAnEpoch_staysWithinItsBounds() public {
        for (uint256 epoch = 1; epoch <= 2; ++epoch) {
            string memory when = epoch == 1 ? "first" : "later";
            uint256 frame = _do("openEpoch, 2 providers", when);
            for (uint256 round = 1; round <= 2; ++round) {
                when = epoch == 1 && round == 1 ? "first" : "later";
                uint256 whole = _do("openRound", when);
                whole += _do("closeCommits", when);
                whole += _do("closeReveals", when);
                vm.roll(uint256(federation.drawTarget()) + 257);
                federation.retarget();
                _save("retarget", when);
                whole += _do("drawShard, 2 providers", when);
                whole += atMost(_do("recordRound", when), 60_000);
                atMost(whole, 300_000);
            }
            when = epoch == 1 ? "first" : "later";
            frame += _do("revealEpoch", when);
            uint256 total = epoch * FUNDS / 4;
            uint256 bound = epoch == 1 ? 120_000 : 60_000;
            vm.prank(AGGREGATOR);
            federation.propose(keccak256(abi.encode("table", epoch)), total, keccak256(abi.encode("records", epoch)));
            frame += atMost(_save("propose", when), bound);
            frame += atMost(_do("finalize", when), bound);
            atMost(frame, 600_000);
            pool.fund(FUNDS);
        }
    }

    function test_gas_ofBondsAndFaults() public {
        vault.deposit(STRANGER, 1);
        _save("deposit", "first");
        vault.deposit(STRANGER, 1);
        _save("deposit", "later");
        vm.prank(STRANGER);
        vault.retire();
        _save("retire", "first");
        vm.prank(STRANGER);
        vault.withdraw(1);
        _save("withdraw", "first");
        open();
        consent(0);
        _save("consent", "first");
        reach(IFederation.Phase.Draw);
        federation.showPreimage(0, preimages()[0], tips());
        _save("showPreimage", "first");
        reach(IFederation.Phase.Proposed);
        convictRound(1);
        _save("convictRound", "first");
        lapse();
        vault.deposit(AGGREGATOR, AGGREGATOR_BOND);
        open();
        lapse();
        _save("lapse", "later");
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
    function _do(string memory name, string memory when) private returns (uint256) {
        step();
        return _save(name, when);
    }

    function _save(string memory name, string memory when) private returns (uint256) {
        return vm.snapshotGasLastCall("gas", string.concat(name, ", ", when));
    }

    function atMost(uint256 gas, uint256 most) private pure returns (uint256) {
        atMost(gas, most, "gas");
        return gas;
    }
}
