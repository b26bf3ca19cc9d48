// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IFederation} from "../interfaces/IFederation.sol";
import {FederationState} from "./FederationState.sol";

/// @title What providers owe, how they show that they did it, and how they are called upon.
abstract contract ProviderDuties is FederationState, EIP712 {
    bytes32 private constant CONSENT = keccak256("Consent(uint64 epoch,bytes32 termsHash)");

    /// @inheritdoc IFederation
    function consent(uint32 provider, EpochTerms calldata terms, bytes calldata signature) external {
        if (phase == Phase.Closed) _requirePhase(Phase.Open);
        address account = _account(provider, terms);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(CONSENT, epoch, termsHash[epoch])));
        if (!SignatureChecker.isValidSignatureNowCalldata(account, digest, signature)) {
            revert InvalidConsent(provider, account);
        }
        _consented |= _bit(provider);
        emit Consented(epoch, provider, account);
    }

    /// @inheritdoc IFederation
    function showPreimage(uint32 provider, bytes32 preimage, bytes32[] calldata tips) external inTime(Phase.Draw) {
        bytes32 given = keccak256(abi.encodePacked(tips));
        if (given != tipsHash) revert WrongPreimages(given, tipsHash);
        if (provider >= tips.length) revert UnknownProvider(provider, tips.length);
        if (keccak256(abi.encode(preimage)) != tips[provider]) revert WrongPreimage(provider, preimage);
        _shown |= _bit(provider);
        emit PreimageShown(epoch, round, provider, preimage);
    }

    /// @inheritdoc IFederation
    /// @dev Once per provider and round, so that the time to record can be put off only so often.
    function accuse(uint32 provider, EpochTerms calldata terms) external onlyAggregator inTime(Phase.Record) {
        address account = _account(provider, terms);
        if (_consented & _bit(provider) == 0) revert NotConsented(provider);
        if (_accused != 0 || _accusedBefore & _bit(provider) != 0) revert AlreadyAccused(provider);
        _accused = uint8(provider) + 1;
        _accusedBefore |= _bit(provider);
        emit Accused(epoch, round, provider, account, _enter(Phase.Record, _answerWindow));
    }

    /// @inheritdoc IFederation
    function clearAccusation(uint32 provider) external onlyJudge inTime(Phase.Record) {
        if (_accused == 0 || provider != accused()) revert NotAccused(provider);
        _accused = 0;
        emit AccusationCleared(epoch, round, provider, _enter(Phase.Record, _phaseDuration));
    }

    /// @notice Which provider must open its part in this round; `type(uint32).max` if none.
    function accused() public view returns (uint32) {
        return _accused == 0 || phase != Phase.Record ? type(uint32).max : _accused - 1;
    }

    /// @dev The bonds lost by a draw that never happened: of all who withheld a preimage. The aggregator
    /// answers for those that never agreed to the terms, and for a draw that it had all preimages for. A table
    /// that a hook of the token proposes between two of them leaves the second to the next table.
    // slither-disable-next-line calls-loop,reentrancy-no-eth,reentrancy-events: the phase has been left already.
    function _loseDraw(EpochTerms calldata terms) internal {
        uint256 count = terms.providers.length;
        uint256 withheld = ~uint256(_shown) & ((uint256(1) << count) - 1);
        uint256 guilty = withheld & _consented;
        if (withheld == 0 || withheld != guilty) _loseAggregator(address(0));
        for (uint256 i = 0; i < count; ++i) {
            if ((guilty >> i) & 1 == 1) _lose(terms.providers[i], _providerBond, address(0));
        }
    }

    function _account(uint32 provider, EpochTerms calldata terms) private view returns (address) {
        _requireTerms(terms);
        if (provider >= terms.providers.length) revert UnknownProvider(provider, terms.providers.length);
        return terms.providers[provider];
    }

    function _bit(uint32 provider) private pure returns (uint32) {
        return uint32(1) << provider;
    }
}
