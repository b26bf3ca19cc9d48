// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IConvictions} from "../interfaces/IConvictions.sol";
import {IDataDemands} from "../interfaces/IDataDemands.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {Trace} from "../libraries/Trace.sol";
import {Bonds} from "./Bonds.sol";
import {DisputeBase} from "./DisputeBase.sol";

/// @title The life of a demand: opened with a bond, then answered, expired or released.
/// @dev Whatever a federation answers to these calls, a demand about it pays out the one bond that came in
/// for it: a federation that lies can only lead on those who chose to deal with it.
abstract contract Demands is IDataDemands, DisputeBase, Bonds {
    using Trace for Record;

    uint256 public demands;
    mapping(uint256 id => Demand) private _demands;

    /// @inheritdoc IDataDemands
    function demandOf(uint256 id) external view returns (Demand memory) {
        return _demands[id];
    }

    /// @inheritdoc IDataDemands
    // slither-disable-next-line reentrancy-events: the demand is deleted before anything is called.
    function expire(uint256 id) external {
        Demand memory demand = _open(id);
        if (block.timestamp <= demand.deadline) revert TooEarly(id, demand.deadline);
        (bool standing,) = _standing(demand);
        if (!standing) revert ProposalGone(id);

        _drop(id, demand, demand.challenger, demand.bond);
        emit Expired(id);

        bytes32 proof = _proofHash(id);
        // Whoever proposed: a stand-in cannot show what the aggregator keeps, but may propose the rounds before.
        if (demand.round != 0) {
            demand.federation.convictRound(demand.round, demand.challenger, proof);
        } else {
            demand.federation.convictProposal(demand.challenger, proof);
        }
    }

    /// @inheritdoc IDataDemands
    function release(uint256 id) external {
        Demand memory demand = _open(id);
        (bool standing,) = _standing(demand);
        if (standing) revert ProposalStands(id);

        emit Released(id);
        _drop(id, demand, demand.challenger, demand.bond);
    }

    /// @notice Open a demand of the caller against what stands proposed.
    /// @dev Announced here for the challenger, so that whoever calls `expire` later cannot take its reward.
    function _ask(Context calldata context, Kind kind, uint32 round, bytes memory subject)
        internal
        returns (uint256 id)
    {
        IFederation federation = context.federation;
        IFederation.Proposal memory proposal = _proposal(federation);
        if (block.timestamp >= proposal.challengeEnd) revert WindowOver(proposal.challengeEnd);
        IFederation.Config memory config = federation.config();

        id = ++demands;
        Demand storage demand = _demands[id];
        demand.federation = federation;
        demand.deadline = uint64(block.timestamp) + config.answerWindow;
        demand.round = round;
        demand.challenger = msg.sender;
        demand.token = IERC20(config.token);
        demand.bond = config.challengerBond;
        demand.proposal = _hash(federation, proposal);
        demand.question = keccak256(abi.encode(kind, subject));
        emit Demanded(id, federation, msg.sender, kind, round, demand.deadline, subject);

        federation.hold();
        federation.announce(keccak256(abi.encode(msg.sender, _proofHash(id))));
        _take(IERC20(config.token), config.challengerBond);
    }

    /// @notice The proposal that a demand asks about, if the demand is open and asks just this.
    function _asked(uint256 id, Kind kind, bytes memory subject)
        internal
        view
        returns (IFederation federation, IFederation.Proposal memory proposal)
    {
        Demand memory demand = _open(id);
        bytes32 given = keccak256(abi.encode(kind, subject));
        if (given != demand.question) revert AnotherQuestion(id, demand.question, given);
        if (block.timestamp > demand.deadline) revert TooLate(id, demand.deadline);
        bool standing;
        (standing, proposal) = _standing(demand);
        if (!standing) revert ProposalGone(id);
        federation = demand.federation;
    }

    /// @notice Close a demand for which `_asked` has been called, as answered by the caller if it is.
    function _settle(uint256 id, bool answered) internal {
        if (!answered) revert NoAnswer(id);
        emit Answered(id, msg.sender);
        Demand memory demand = _demands[id];
        uint256 half = demand.bond / 2;
        _owe(demand.token, demand.federation.pool(), half);
        _drop(id, demand, msg.sender, demand.bond - half);
    }

    /// @notice Refuse a demand for what does not follow from the proposal.
    function _requireDemandable(bool demandable) internal pure {
        if (!demandable) revert NotDemandable();
    }

    /// @notice What stands proposed.
    function _proposal(IFederation federation) internal view returns (IFederation.Proposal memory) {
        IFederation.Phase phase = federation.phase();
        if (phase != IFederation.Phase.Proposed) revert NothingProposed(phase);
        return federation.proposal();
    }

    /// @notice Check a context, and return the root of its records and their tag: of a paid round, or of
    /// the settlement where the round is 0.
    function _tree(Context calldata context, IFederation.Proposal memory proposal)
        internal
        view
        returns (bytes32 root, bytes32 tag)
    {
        if (context.round != 0) {
            tag = _enter(context);
            _requireDemandable(context.round <= proposal.rounds);
            root = context.words.traceRoot;
        } else {
            tag = Trace.tag(address(context.federation), _epoch(context), 0);
            root = proposal.settlementRoot;
        }
    }

    /// @notice The same for the federation that a demand is about.
    function _tree(Context calldata context, IFederation federation, IFederation.Proposal memory proposal)
        internal
        view
        returns (bytes32 root, bytes32 tag)
    {
        _requireOf(context, federation);
        return _tree(context, proposal);
    }

    function _requireOf(Context calldata context, IFederation federation) internal pure {
        if (address(context.federation) != address(federation)) revert AnotherFederation(federation, context.federation);
    }

    function _open(uint256 id) private view returns (Demand memory demand) {
        demand = _demands[id];
        if (demand.challenger == address(0)) revert NoDemand(id);
    }

    function _standing(Demand memory demand)
        private
        view
        returns (bool standing, IFederation.Proposal memory proposal)
    {
        if (demand.federation.phase() != IFederation.Phase.Proposed) return (false, proposal);
        proposal = demand.federation.proposal();
        // slither-disable-next-line incorrect-equality: digests of what was proposed.
        standing = _hash(demand.federation, proposal) == demand.proposal;
    }

    function _drop(uint256 id, Demand memory demand, address to, uint256 amount) private {
        delete _demands[id];
        _owe(demand.token, to, amount);
        demand.federation.unhold();
    }

    /// @dev All that was proposed; `challengeEnd` moves while it stands. With the number of those voided, so
    /// that a demand left open cannot expire against the same table proposed anew.
    function _hash(IFederation federation, IFederation.Proposal memory proposal) private view returns (bytes32) {
        proposal.challengeEnd = 0;
        return keccak256(abi.encode(federation.epoch(), IConvictions(address(federation)).voids(), proposal));
    }

    /// @dev Stands for the call data of a proof, which nobody has to know beforehand.
    function _proofHash(uint256 id) private view returns (bytes32) {
        return keccak256(abi.encode(address(this), id));
    }
}
