// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {MootToken} from "../MootToken.sol";
import {IDispute} from "../interfaces/IDispute.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {Roster} from "../libraries/Roster.sol";
import {Base} from "./Base.sol";
import {MockProposal} from "./MockProposal.sol";

/// @title Federations that have proposed something, and a challenger with tokens for its bonds.
abstract contract Judged is Base {
    address internal constant AGGREGATOR = address(0xA66);
    address internal constant CHALLENGER = address(0xC4A);
    address internal constant ANYONE = address(0xA11);
    uint64 internal constant WINDOW = 3600;
    uint64 internal constant ANSWER = 600;
    uint256 internal constant BOND = 1e18;
    uint256 internal constant RICH = 1e24;

    MootToken internal token;
    MockProposal internal federation;

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        token = new MootToken();
        token.mint(CHALLENGER, RICH);
        federation = make(token, BOND);
    }

    function make(IERC20 token_, uint256 bond) internal returns (MockProposal made) {
        made = new MockProposal();
        made.setEpoch(1, keccak256(abi.encode(terms())));
        made.setConfig(config(token_, bond));
        made.setProposal(proposal());
    }

    function config(IERC20 token_, uint256 bond) internal pure returns (IFederation.Config memory c) {
        c.aggregator = AGGREGATOR;
        c.token = address(token_);
        c.answerWindow = ANSWER;
        c.challengerBond = bond;
        c.validatorBond = BOND;
    }

    function proposal() internal view returns (IFederation.Proposal memory p) {
        p.proposer = AGGREGATOR;
        p.payoutRoot = keccak256("payouts");
        p.settlementRoot = keccak256("settlement");
        p.challengeEnd = uint64(block.timestamp) + WINDOW;
    }

    /// @dev One member; its seat is the whole roster.
    function terms() internal pure returns (IFederation.EpochTerms memory t) {
        Roster.Seat memory s = seat();
        t.members = 1;
        t.rosterRoot = keccak256(
            bytes.concat(keccak256(abi.encode(s.index, s.didHash, s.quota, s.cap, s.payee)))
        );
    }

    function seat() internal pure returns (Roster.Seat memory s) {
        s.didHash = keccak256("did");
        s.quota = 7;
        s.payee = address(0xB0B);
    }

    function context(MockProposal fed) internal pure returns (IDispute.Context memory c) {
        c.federation = IFederation(address(fed));
        c.terms = terms();
    }

    function standing() internal view returns (IFederation) {
        return IFederation(address(federation));
    }
}
