// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederation} from "../interfaces/IFederation.sol";
import {MockFederation} from "./MockFederation.sol";

/// @title A federation with a proposal set at will; its own vault and pool. Keeps the rules of `Judgements`.
contract MockProposal is MockFederation {
    IFederation.Phase public phase;
    uint8 public voids;
    uint16 public holds;
    bytes32 public root;
    address private _pool;
    IFederation.Config private _config;
    IFederation.Proposal private _proposal;
    mapping(bytes32 commitment => uint256) public announced;
    mapping(bytes32 ballot => mapping(address judge => bool)) public convictedBy;
    mapping(address account => uint256) public standing;

    event ProposalConvicted(address proposer, address challenger);
    event ValidatorSlashed(address validator, address challenger);
    event Voided();

    error WindowIsOver();
    error NothingHeld();
    error NotAnnounced(address challenger, bytes32 proofHash);

    function setPhase(IFederation.Phase phase_) external {
        phase = phase_;
    }

    function setConfig(IFederation.Config calldata config_) external {
        _config = config_;
    }

    function setProposal(IFederation.Proposal calldata proposal_) external {
        phase = IFederation.Phase.Proposed;
        _proposal = proposal_;
    }

    function setRoot(bytes32 root_) external {
        root = root_;
    }

    function setBond(address account, uint256 bond) external {
        standing[account] = bond;
    }

    function setConvicted(bytes32 ballot, address judge) external {
        convictedBy[ballot][judge] = true;
    }

    function announce(bytes32 commitment) external {
        if (announced[commitment] == 0) announced[commitment] = block.number;
    }

    function hold() external {
        if (phase != IFederation.Phase.Proposed || block.timestamp >= _proposal.challengeEnd) revert WindowIsOver();
        ++holds;
    }

    function unhold() external {
        if (holds == 0) revert NothingHeld();
        --holds;
        uint64 until = uint64(block.timestamp) + _config.answerWindow;
        if (phase == IFederation.Phase.Proposed && until > _proposal.challengeEnd) _proposal.challengeEnd = until;
    }

    function convictRound(uint32 round_, address challenger, bytes32 proofHash) external override {
        _use(challenger, proofHash);
        phase = IFederation.Phase.Settle;
        emit Convicted(round_, challenger, proofHash);
    }

    function convictProposal(address challenger, bytes32 proofHash) external {
        _use(challenger, proofHash);
        phase = IFederation.Phase.Settle;
        emit ProposalConvicted(_proposal.proposer, challenger);
    }

    function convictValidator(address validator, address challenger) external {
        emit ValidatorSlashed(validator, challenger);
    }

    function voidProposal() external {
        ++voids;
        phase = IFederation.Phase.Settle;
        emit Voided();
    }

    function proposal() external view returns (IFederation.Proposal memory) {
        return _proposal;
    }

    function config() external view returns (IFederation.Config memory) {
        return _config;
    }

    function setPool(address pool_) external {
        _pool = pool_;
    }

    function pool() external view returns (address) {
        return _pool == address(0) ? address(this) : _pool;
    }

    function vault() external view returns (address) {
        return address(this);
    }

    function _use(address challenger, bytes32 proofHash) private {
        bytes32 commitment = keccak256(abi.encode(challenger, proofHash));
        uint256 since = announced[commitment];
        if (since == 0 || since >= block.number) revert NotAnnounced(challenger, proofHash);
        delete announced[commitment];
    }
}
