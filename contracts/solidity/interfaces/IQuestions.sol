// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title How many questions of judges keep a federation's proposal from being finalized.
/// @dev For callers; the federation answers with its own variable and need not inherit it.
interface IQuestions {
    function holds() external view returns (uint16);
}
