// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BondVault} from "../BondVault.sol";
import {Federation} from "../Federation.sol";
import {MootToken} from "../MootToken.sol";
import {RewardPool} from "../RewardPool.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {BlockhashRandomness} from "../randomness/BlockhashRandomness.sol";
import {Base} from "./Base.sol";

/// @title One small federation with a funded pool, moved to whatever phase a test is about.
abstract contract World is Base {
    bytes32 internal constant MANIFEST = keccak256("manifest");
    address internal constant AGGREGATOR = address(0xA66);
    address internal constant STRANGER = address(0x57A);
    address internal constant JUDGE = address(0x10D6E);
    address internal constant CHALLENGER = address(0xC4A1);
    address internal constant PROPOSER = address(0x9120);
    address internal constant VALIDATOR = address(0x1A);
    uint64 internal constant PHASE = 1 days;
    uint64 internal constant SETTLE = 2 days;
    uint64 internal constant WINDOW = 3600;
    uint64 internal constant ANSWER = 1800;
    uint64 internal constant DELAY = 2;
    uint256 internal constant FUNDS = 1e21;
    uint256 internal constant AGGREGATOR_BOND = 50e18 + 1;
    uint256 internal constant PROVIDER_BOND = 10e18 + 1;
    uint256 internal constant VALIDATOR_BOND = 5e18 + 1;
    uint256 internal constant PROVIDERS = 2;
    uint256 internal constant PROVIDER_KEY = 0xB0A7;
    uint256 internal constant LINKS = 8;

    MootToken internal token;
    Federation internal federation;
    RewardPool internal pool;
    BondVault internal vault;
    address[] internal providers;
    uint256 internal used;
    mapping(uint64 epoch => mapping(uint32 round => uint32 shard)) internal drawn;

    uint32 private _rounds = 2;
    uint256 private _funds = FUNDS;

    function setUp() public virtual {
        token = new MootToken();
        federation = new Federation(config());
        pool = RewardPool(federation.pool());
        vault = BondVault(federation.vault());
        token.mint(address(this), 10 * FUNDS);
        token.approve(address(pool), type(uint256).max);
        token.approve(address(vault), type(uint256).max);
        pool.fund(FUNDS);
        vault.deposit(AGGREGATOR, AGGREGATOR_BOND);
        vault.deposit(PROPOSER, AGGREGATOR_BOND);
        vault.deposit(VALIDATOR, VALIDATOR_BOND);
        for (uint256 i = 0; i < PROVIDERS; ++i) {
            providers.push(vm.addr(PROVIDER_KEY + i));
            vault.deposit(providers[i], PROVIDER_BOND);
        }
    }

    function config() internal returns (IFederation.Config memory given) {
        given.manifestHash = MANIFEST;
        given.aggregator = AGGREGATOR;
        given.token = address(token);
        given.randomness = address(new BlockhashRandomness());
        given.drawDelay = DELAY;
        given.phaseDuration = PHASE;
        given.settleDuration = SETTLE;
        given.challengeWindow = WINDOW;
        given.answerWindow = ANSWER;
        given.aggregatorBond = AGGREGATOR_BOND;
        given.providerBond = PROVIDER_BOND;
        given.challengerBond = 3;
        given.validatorBond = VALIDATOR_BOND;
        given.quorum = 1;
        given.validators = new address[](2);
        (given.validators[0], given.validators[1]) = (VALIDATOR, address(0x2A));
        given.judges = new address[](2);
        (given.judges[0], given.judges[1]) = (address(0x10D), JUDGE);
    }

    /// @dev Hashes `times` times from a provider's secret; the tip is `LINKS` times away.
    function link(uint256 provider, uint256 times) internal pure returns (bytes32 value) {
        value = keccak256(abi.encode("provider", provider));
        for (uint256 i = 0; i < times; ++i) {
            value = keccak256(abi.encode(value));
        }
    }

    function links(uint256 times) internal pure returns (bytes32[] memory values) {
        values = new bytes32[](PROVIDERS);
        for (uint256 i = 0; i < PROVIDERS; ++i) {
            values[i] = link(i, times);
        }
    }

    function tips() internal view returns (bytes32[] memory) {
        return links(LINKS - used);
    }

    function preimages() internal view returns (bytes32[] memory) {
        return links(LINKS - 1 - used);
    }

    function terms(uint32 shards, uint32 rounds, uint256 funds)
        internal
        view
        returns (IFederation.EpochTerms memory given)
    {
        given.validationRoot = keccak256("validation");
        given.meanHash = keccak256("mean");
        given.publicHash = keccak256("public");
        given.rosterHash = keccak256("roster");
        given.rosterRoot = keccak256("quotas");
        (given.dim, given.members, given.quotaTotal) = (3, 5, 100);
        (given.shards, given.rounds, given.bounty, given.funds) = (shards, rounds, 1e18, funds);
        (given.clipMilli, given.suspensionMilli, given.suspensionFrom) = (1000, 500, 3);
        (given.etas, given.betasTenths) = (new uint32[](6), new uint32[](7));
        (given.providerTips, given.providers) = (links(LINKS), providers);
    }

    /// @dev The terms of the epoch under way: two rounds out of three shards unless a test wants others, so
    /// that some phases come with and without a round to go.
    function opened() internal view returns (IFederation.EpochTerms memory) {
        return terms(3, _rounds, _funds);
    }

    function open() internal {
        open(2, FUNDS);
    }

    function open(uint32 rounds, uint256 funds) internal {
        (used, _rounds, _funds) = (0, rounds, funds);
        IFederation.EpochTerms memory given = opened();
        vm.prank(AGGREGATOR);
        federation.openEpoch(given);
    }

    function draw() internal returns (uint32 shard) {
        (uint64 epoch, uint32 round) = (federation.epoch(), federation.round());
        vm.roll(uint256(federation.drawTarget()) + 1);
        shard = federation.drawShard(preimages());
        drawn[epoch][round] = shard;
        ++used;
    }

    /// @dev One legal step from wherever the federation stands.
    function step() internal {
        IFederation.Phase phase = federation.phase();
        if (phase == IFederation.Phase.Closed) return open();
        if (phase == IFederation.Phase.Draw) {
            draw();
            return;
        }
        if (phase == IFederation.Phase.Proposed) {
            vm.warp(federation.deadline());
            return federation.finalize();
        }
        bool done = federation.round() == federation.rounds();
        uint256 least = pool.totalCumulative();
        vm.prank(AGGREGATOR);
        if (phase == IFederation.Phase.Open && done) federation.revealEpoch(keccak256("shards"));
        else if (phase == IFederation.Phase.Open) federation.openRound(keccak256("base"));
        else if (phase == IFederation.Phase.Commit) federation.closeCommits(keccak256("commits"));
        else if (phase == IFederation.Phase.Reveal) federation.closeReveals(keccak256("reveals"));
        else if (phase == IFederation.Phase.Record) record();
        else federation.propose(keccak256("table"), least, keccak256("settlement"));
    }

    function record() internal {
        federation.recordRound(keccak256("model"), keccak256("events"), keccak256("trace"), keccak256("receipt"));
    }

    /// @dev What the rounds of `step` commit.
    function words(uint64 epoch, uint32 round) internal view returns (IFederation.RoundWords memory) {
        return IFederation.RoundWords({
            baseHash: keccak256("base"),
            commitRoot: keccak256("commits"),
            revealRoot: keccak256("reveals"),
            shard: drawn[epoch][round],
            modelHash: keccak256("model"),
            eventsRoot: keccak256("events"),
            traceRoot: keccak256("trace"),
            receiptHash: keccak256("receipt")
        });
    }

    /// @dev Steps until the federation stands in `phase`.
    function reach(IFederation.Phase phase) internal {
        while (federation.phase() != phase) step();
    }

    /// @dev Waits for the deadline and leaves the phase.
    function lapse() internal {
        vm.warp(federation.deadline());
        IFederation.EpochTerms memory given = opened();
        vm.prank(STRANGER);
        federation.lapse(given);
    }

    /// @dev Records that a provider agreed to the epoch under way.
    function consent(uint32 provider) internal {
        federation.consent(provider, opened(), signature(provider, federation.epoch(), opened()));
    }

    function signature(uint256 provider, uint64 epoch, IFederation.EpochTerms memory given)
        internal
        returns (bytes memory)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Folkmoot Federation"),
                keccak256("1"),
                block.chainid,
                federation
            )
        );
        bytes32 kind = keccak256("Consent(uint64 epoch,bytes32 termsHash)");
        bytes32 statement = keccak256(abi.encode(kind, epoch, keccak256(abi.encode(given))));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domain, statement));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(PROVIDER_KEY + provider, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev Announces a proof and waits for a block.
    function announce(address challenger, bytes32 proof) internal {
        federation.announce(keccak256(abi.encode(challenger, proof)));
        vm.roll(block.number + 1);
    }

    function convictRound(uint32 round) internal {
        announce(CHALLENGER, "proof");
        vm.prank(JUDGE);
        federation.convictRound(round, CHALLENGER, "proof");
    }

    function convictProposal() internal {
        announce(CHALLENGER, "proof");
        vm.prank(JUDGE);
        federation.convictProposal(CHALLENGER, "proof");
    }

    function phaseIs(IFederation.Phase phase) internal view {
        eq(uint256(federation.phase()), uint256(phase), "phase");
    }
}
