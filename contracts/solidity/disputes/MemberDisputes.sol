// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DisputeBase} from "./DisputeBase.sol";
import {Delta} from "../libraries/Delta.sol";
import {Roster} from "../libraries/Roster.sol";

/// @title Proofs that a round took the wrong deltas, or added them up wrongly.
/// @dev A member is named by its place in the agreed roster; a delta by its SHA-256. That an accepted delta
/// was committed to and revealed at all is for a demand.
contract MemberDisputes is DisputeBase {
}
