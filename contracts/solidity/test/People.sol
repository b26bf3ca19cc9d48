// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {Observer} from "./Observer.sol";

/// @title What people do around a federation besides moving it on: bonds, faults, questions, lapses.
/// @dev Each does what is legal where the federation stands, and nothing where nothing is.
abstract contract People is Observer {
    mapping(address account => uint64 epoch) internal retiredIn;
    uint256 private _proofs;

    function bond(uint256 who, uint256 amount) external observed {
        _bond(bonders()[who % bonders().length], bound(amount, 1, 2 * AGGREGATOR_BOND));
    }

    function retire(uint256 who, bool stays) external observed {
        address account = bonders()[who % bonders().length];
        if (!vault.leaving(account)) retiredIn[account] = federation.epoch();
        vm.prank(account);
        if (stays) vault.stay();
        else vault.retire();
    }

    /// @notice Bonds come out between epochs, once their owner has retired, and never more than they are.
    function withdraw(uint256 who, uint256 amount) external observed {
        address account = bonders()[who % bonders().length];
        amount = bound(amount, 1, AGGREGATOR_BOND);
        bool closed = federation.phase() == IFederation.Phase.Closed;
        bool allowed = vault.leaving(account) && (closed || retiredIn[account] < federation.epoch())
            && amount <= vault.bondOf(account);
        vm.prank(account);
        (bool done,) = address(vault).call(abi.encodeCall(vault.withdraw, (amount)));
        check(done == allowed, "a bond comes out when it may");
    }

    function agree(uint256 provider) external observed {
        if (federation.phase() == IFederation.Phase.Closed) return;
        consent(uint32(provider % PROVIDERS));
    }

    function show(uint256 provider) external observed {
        if (federation.phase() != IFederation.Phase.Draw || _late()) return;
        provider %= PROVIDERS;
        federation.showPreimage(uint32(provider), preimages()[provider], tips());
    }

    /// @notice An accusation, then perhaps its answer.
    function accuse(uint256 provider, bool answers) external observed {
        if (federation.phase() != IFederation.Phase.Record || _late()) return;
        uint32 who = uint32(provider % PROVIDERS);
        IFederation.EpochTerms memory given = opened();
        vm.prank(AGGREGATOR);
        (bool done,) = address(federation).call(abi.encodeCall(IFederation.accuse, (who, given)));
        if (!done || !answers) return;
        vm.prank(JUDGE);
        federation.clearAccusation(who);
    }

    function cancel(uint256 seed) external observed {
        if (seed % 4 != 0) return;
        IFederation.Phase phase = federation.phase();
        bool early = phase >= IFederation.Phase.Open && phase <= IFederation.Phase.Reveal;
        if (!early || _late()) return;
        vm.prank(AGGREGATOR);
        federation.cancel();
    }

    /// @notice A fault of the aggregator or of the proposer, one time in four.
    function convict(uint256 round, bool proposal) external observed {
        if (round % 4 != 0) return;
        IFederation.Phase phase = federation.phase();
        uint32 recorded = federation.recorded();
        bytes32 proof = keccak256(abi.encode(++_proofs));
        if (proposal && phase == IFederation.Phase.Proposed) {
            announce(CHALLENGER, proof);
            vm.prank(JUDGE);
            federation.convictProposal(CHALLENGER, proof);
        } else if (!proposal && phase != IFederation.Phase.Closed && recorded != 0) {
            announce(CHALLENGER, proof);
            vm.prank(JUDGE);
            federation.convictRound(uint32(bound(round, 1, recorded)), CHALLENGER, proof);
        }
    }

    /// @notice At any time: what it adds to the lost bonds must not change a table that stands proposed.
    function convictValidator(uint256 seed) external observed {
        if (seed % 4 != 0) return;
        uint256 promised = federation.proposal().forfeited;
        vm.prank(JUDGE);
        federation.convictValidator(VALIDATOR, seed % 8 == 0 ? CHALLENGER : address(0));
        eq(federation.proposal().forfeited, promised, "the table still hands out what it said");
    }

    function ask(uint256 seed) external observed {
        bool voids = seed % 4 == 0;
        if (federation.phase() != IFederation.Phase.Proposed) return;
        if (!voids && _late()) return;
        vm.prank(JUDGE);
        if (voids) federation.voidProposal();
        else federation.hold();
    }

    function answer() external observed {
        if (federation.holds() == 0) return;
        vm.prank(JUDGE);
        federation.unhold();
    }

    /// @notice The deadline passes, and somebody says so.
    function lapseNow(uint256 seed) external observed {
        if (seed % 4 == 0 && federation.phase() != IFederation.Phase.Closed) _lapse();
    }

    /// @dev Waits until the phase can be left by time alone, and leaves it.
    function _lapse() internal {
        uint256 due = federation.deadline();
        if (federation.phase() == IFederation.Phase.Proposed) due += SETTLE;
        if (block.timestamp < due) vm.warp(due);
        IFederation.EpochTerms memory given = opened();
        vm.prank(STRANGER);
        federation.lapse(given);
    }

    function _bond(address account, uint256 amount) internal {
        token.mint(address(this), amount);
        vault.deposit(account, amount);
        bonded += amount;
    }

    /// @dev The aggregator and the providers stay, each with all of its bond.
    function _bondAll() internal {
        address[] memory all = bonders();
        for (uint256 i = 0; i < all.length; ++i) {
            if (all[i] == STRANGER) continue;
            uint256 required = i < 2 ? AGGREGATOR_BOND : PROVIDER_BOND;
            uint256 has = vault.bondOf(all[i]);
            if (has < required) _bond(all[i], required - has);
            vm.prank(all[i]);
            vault.stay();
        }
    }

    function _late() internal view returns (bool) {
        return block.timestamp >= federation.deadline();
    }
}
