// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Federation} from "../Federation.sol";
import {MootToken} from "../MootToken.sol";
import {RewardPool} from "../RewardPool.sol";
import {IFederation} from "../interfaces/IFederation.sol";
import {Base} from "./Base.sol";

/// @title One small federation with a funded pool, moved to whatever phase a test is about.
abstract contract World is Base {
    bytes32 internal constant MANIFEST = keccak256("manifest");
    address internal constant AGGREGATOR = address(0xA66);
    address internal constant STRANGER = address(0x57A);
    uint64 internal constant WINDOW = 3600;
    uint64 internal constant DELAY = 2;
    uint256 internal constant FUNDS = 1e21;
    uint256 internal constant PROVIDERS = 2;
    uint256 internal constant LINKS = 8;

    MootToken internal token;
    Federation internal federation;
    RewardPool internal pool;
    uint256 internal used;

    function setUp() public virtual {
        token = new MootToken();
        federation = new Federation(MANIFEST, AGGREGATOR, token, WINDOW, DELAY);
        pool = federation.pool();
        token.mint(address(this), 10 * FUNDS);
        token.approve(address(pool), type(uint256).max);
        pool.fund(FUNDS);
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

    function preimages() internal view returns (bytes32[] memory) {
        return links(LINKS - 1 - used);
    }

    function terms(uint32 shards, uint32 rounds, uint256 funds) internal pure returns (IFederation.EpochTerms memory) {
        return IFederation.EpochTerms({
            validationRoot: keccak256("validation"),
            meanHash: keccak256("mean"),
            publicHash: keccak256("public"),
            rosterHash: keccak256("roster"),
            shards: shards,
            rounds: rounds,
            bounty: 1e18,
            funds: funds,
            providerTips: links(LINKS)
        });
    }

    /// @dev Two rounds out of three shards, so that some phases come with and without a round to go.
    function open() internal {
        used = 0;
        vm.prank(AGGREGATOR);
        federation.openEpoch(terms(3, 2, FUNDS));
    }

    function draw() internal returns (uint32 shard) {
        vm.roll(uint256(federation.drawTarget()) + 1);
        shard = federation.drawShard(preimages());
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
            vm.warp(federation.challengeEnd());
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
        else federation.propose(keccak256("table"), least);
    }

    function record() internal {
        federation.recordRound(keccak256("model"), keccak256("events"), keccak256("trace"), keccak256("receipt"));
    }

    /// @dev Steps until the federation stands in `phase`.
    function reach(IFederation.Phase phase) internal {
        while (federation.phase() != phase) step();
    }

    function phaseIs(IFederation.Phase phase) internal view {
        eq(uint256(federation.phase()), uint256(phase), "phase");
    }
}
