// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MemberDemands} from "./MemberDemands.sol";
import {RecordDemands} from "./RecordDemands.sol";
import {TableDemands} from "./TableDemands.sol";

/// @title See `interfaces/IDataDemands.sol`, which says what every function does.
/// @dev One contract serves every federation that names it as a judge.
// slither-disable-next-line unimplemented-functions: `owed` is a public variable.
contract DataDemands is RecordDemands, MemberDemands, TableDemands {}
