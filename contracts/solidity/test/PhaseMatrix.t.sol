// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConvictions} from "../interfaces/IConvictions.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {IFederationErrors} from "../interfaces/IFederationErrors.sol";
import {World} from "./World.sol";

/// @title Every function in every phase, at every deadline, and from every caller.
contract PhaseMatrixTest is World {
    uint8 internal constant PHASES = uint8(type(IFederation.Phase).max) + 1;
    uint256 internal constant FUNCTIONS = 23;
    uint256 internal constant FIRST_OF_JUDGES = 8;
    uint256 internal constant FIRST_FOR_ANYONE = 15;

    /// @dev One function: its call, the phases in which it may succeed (a bit each), the phase that a refusal
    /// names, and whether its time ends at the deadline.
    struct Row {
        bytes data;
        uint256 phases;
        IFederation.Phase named;
        bool timed;
    }

    function test_function_isRefused_inEveryPhaseButItsOwn() public {
        for (uint8 p = 0; p < PHASES; ++p) {
            reach(IFederation.Phase(p));
            for (uint256 f = 0; f < FUNCTIONS; ++f) {
                Row memory row = _row(f);
                if ((row.phases >> p) & 1 == 1) continue;
                _refused(f, row.data, _wrong(IFederation.Phase(p), row.named));
            }
        }
    }

    function test_duty_isRefused_fromItsDeadlineOn() public {
        for (uint8 p = 1; p < PHASES; ++p) {
            reach(IFederation.Phase(p));
            uint64 deadline = federation.deadline();
            vm.warp(deadline);
            bytes memory late = abi.encodeWithSelector(IFederationErrors.DeadlinePassed.selector, deadline);
            for (uint256 f = 0; f < FUNCTIONS; ++f) {
                Row memory row = _row(f);
                if (row.timed && (row.phases >> p) & 1 == 1) _refused(f, row.data, late);
            }
            vm.warp(deadline - 1);
        }
    }

    function testFuzz_function_isRefused_fromAnyOtherCaller(address caller) public {
        vm.assume(caller != AGGREGATOR && caller != JUDGE && caller != address(0x10D));
        for (uint8 p = 0; p < PHASES; ++p) {
            reach(IFederation.Phase(p));
            for (uint256 f = 0; f < FIRST_FOR_ANYONE; ++f) {
                bytes4 reason = f < FIRST_OF_JUDGES
                    ? IFederationErrors.NotAggregator.selector
                    : IFederationErrors.NotJudge.selector;
                Row memory row = _row(f);
                vm.prank(caller);
                (bool done, bytes memory given) = address(federation).call(row.data);
                check(!done, "refused");
                eq(keccak256(given), keccak256(abi.encodeWithSelector(reason, caller)), "who");
            }
        }
    }

    function test_step_movesToThePhase_thatTheDocumentsName() public {
        uint8[15] memory path = [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 6, 7, 0];
        for (uint256 i = 0; i < path.length; ++i) {
            phaseIs(IFederation.Phase(path[i]));
            step();
        }
    }

    function _refused(uint256 f, bytes memory data, bytes memory reason) private {
        vm.prank(f < FIRST_OF_JUDGES ? AGGREGATOR : JUDGE);
        (bool done, bytes memory given) = address(federation).call(data);
        check(!done, "refused");
        eq(keccak256(given), keccak256(reason), string.concat("reason of ", vm.toString(f)));
    }

    function _row(uint256 f) private view returns (Row memory) {
        if (f < FIRST_OF_JUDGES) return _aggregators(f);
        return f < FIRST_FOR_ANYONE ? _judges(f) : _anyones(f);
    }

    function _aggregators(uint256 f) private view returns (Row memory) {
        bytes32 h = keccak256("any");
        if (f == 0) return _row(abi.encodeCall(IFederation.openEpoch, (opened())), 1, IFederation.Phase.Closed);
        if (f == 1) return _duty(abi.encodeCall(IFederation.openRound, (h)), IFederation.Phase.Open);
        if (f == 2) return _duty(abi.encodeCall(IFederation.closeCommits, (h)), IFederation.Phase.Commit);
        if (f == 3) return _duty(abi.encodeCall(IFederation.closeReveals, (h)), IFederation.Phase.Reveal);
        if (f == 4) return _duty(abi.encodeCall(IFederation.recordRound, (h, h, h, h)), IFederation.Phase.Record);
        if (f == 5) return _duty(abi.encodeCall(IFederation.revealEpoch, (h)), IFederation.Phase.Open);
        if (f == 6) return _duty(abi.encodeCall(IFederation.accuse, (0, opened())), IFederation.Phase.Record);
        return Row(abi.encodeCall(IFederation.cancel, ()), 14, IFederation.Phase.Open, true);
    }

    function _judges(uint256 f) private pure returns (Row memory) {
        bytes32 h = keccak256("any");
        IFederation.Phase proposed = IFederation.Phase.Proposed;
        if (f == 8) return _duty(abi.encodeCall(IFederation.clearAccusation, (0)), IFederation.Phase.Record);
        if (f == 9) return _duty(abi.encodeCall(IFederation.hold, ()), proposed);
        if (f == 10) return _row(abi.encodeCall(IFederation.convictRound, (1, CHALLENGER, h)), 254, proposed);
        if (f == 11) return _row(abi.encodeCall(IFederation.convictProposal, (CHALLENGER, h)), 128, proposed);
        if (f == 12) return _row(abi.encodeCall(IFederation.voidProposal, ()), 128, proposed);
        if (f == 13) return _row(abi.encodeCall(IFederation.unhold, ()), 255, proposed);
        return _row(abi.encodeCall(IConvictions.convictValidator, (VALIDATOR, CHALLENGER)), 255, proposed);
    }

    function _anyones(uint256 f) private view returns (Row memory) {
        bytes32 h = keccak256("any");
        IFederation.Phase draw = IFederation.Phase.Draw;
        if (f == 22) return _duty(abi.encodeCall(IFederation.drawShard, (preimages())), draw);
        if (f == 15) return _duty(abi.encodeCall(IFederation.retarget, ()), draw);
        if (f == 16) return _duty(abi.encodeCall(IFederation.showPreimage, (0, h, tips())), draw);
        if (f == 17) {
            IFederation.RoundWords memory w;
            bytes memory data = abi.encodeCall(IFederation.forceReveal, (h, "", h, new bytes32[](0), w));
            return Row(data, 24, IFederation.Phase.Reveal, true);
        }
        if (f == 18) return _row(abi.encodeCall(IFederation.lapse, (opened())), 254, IFederation.Phase.Open);
        if (f == 19) {
            return _row(abi.encodeCall(IFederation.consent, (0, opened(), "")), 254, IFederation.Phase.Open);
        }
        if (f == 20) return _duty(abi.encodeCall(IFederation.propose, (h, 0, h)), IFederation.Phase.Settle);
        return _row(abi.encodeCall(IFederation.finalize, ()), 128, IFederation.Phase.Proposed);
    }

    /// @dev What is not bound to a deadline, or to one of its own.
    function _row(bytes memory data, uint256 phases, IFederation.Phase named) private pure returns (Row memory) {
        return Row(data, phases, named, false);
    }

    function _duty(bytes memory data, IFederation.Phase phase) private pure returns (Row memory) {
        return Row(data, 1 << uint8(phase), phase, true);
    }

    function _wrong(IFederation.Phase current, IFederation.Phase required) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IFederationErrors.WrongPhase.selector, current, required);
    }
}
