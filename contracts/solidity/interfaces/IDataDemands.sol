// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Examples} from "../libraries/Examples.sol";
import {Roster} from "../libraries/Roster.sol";
import {IBonds} from "./IBonds.sol";
import {IDispute} from "./IDispute.sol";
import {IFederation} from "./IFederation.sol";

/// @title Demands for what a proposal commits to and nobody published.
/// @notice A challenger pays a bond and asks. Anyone may answer, in call data that everybody can read,
/// and earns half of the bond; the other half goes to the pool, so that nobody asks itself for nothing. If nobody has by the deadline, what
/// cannot be shown falls: the round that it belongs to, with the aggregator's bond, whoever proposed; or
/// the proposal, with its proposer's.
///
/// Only what an honest proposal has can be demanded: a challenger shows the record, the leaf or the
/// words from which it follows. Where that cannot be known (a record that exists only if somebody's
/// delta was accepted; a chunk beyond a vector's end), showing why there is none is an answer too.
///
/// While a demand is open the proposal cannot be finalized, and an answer leaves `answerWindow` for what
/// it reveals. Demands run side by side: together those asked at one moment delay by the time that the
/// answers take and one more `answerWindow`. So a griefer pays half a bond for each `answerWindow`.
interface IDataDemands is IBonds, IDispute {
    /// @notice What is asked for. `subject` is how `Demanded` describes it, ABI-encoded.
    /// @dev Record: (uint32 round, uint8 op, uint32 i, uint32 j), round 0 for a record of the settlement.
    /// Vector: (bytes32 commitment, uint256 page). Blob: (bytes32 sha256, bytes4 magic, uint256 length).
    /// Example: (uint32 shard, uint32 provider, uint32 index). Seat: (uint32 i).
    /// Membership: (uint32 round, uint32 i, uint8 status, bytes32 deltaSha256).
    /// Leaf, Source, Previous: (address payee, uint256 cumulative). Node: (bytes32 node, uint256 depth).
    enum Kind {
        Record,
        Vector,
        Blob,
        Example,
        Seat,
        Membership,
        Leaf,
        Source,
        Previous,
        Node
    }

    /// @notice A demand that is neither answered nor over.
    /// @param round Whose data it is about; 0 if it is about the settlement.
    /// @param proposal Which proposal it holds up: the hash of all that was proposed.
    /// @param question keccak256(abi.encode(kind, subject)).
    struct Demand {
        IFederation federation;
        uint64 deadline;
        uint32 round;
        address challenger;
        IERC20 token;
        uint256 bond;
        bytes32 proposal;
        bytes32 question;
    }

    /// @notice Which bytes known by their SHA-256 are meant.
    enum Blob {
        Mean,
        Base,
        Model,
        Delta
    }

    /// @notice Why a member stands in a round as it does.
    /// @param salt Of the commitment; of no use for a silent member.
    /// @param commitment Of a silent member; of no use for an accepted one.
    /// @param committed Siblings from the commitment up to the commit root.
    /// @param revealed Siblings from the delta's hash up to the reveal root; none if it was forced.
    struct Evidence {
        bytes32 salt;
        bytes32 commitment;
        bytes32[] committed;
        bytes32[] revealed;
    }

    /// @notice Somebody asks; `subject` says for what (see `Kind`).
    event Demanded(
        uint256 indexed id,
        IFederation indexed federation,
        address indexed challenger,
        Kind kind,
        uint32 round,
        uint64 deadline,
        bytes subject
    );

    /// @notice Answered; the answer is the call data of this transaction.
    event Answered(uint256 indexed id, address indexed by);

    /// @notice Nobody answered; the proposer was convicted.
    event Expired(uint256 indexed id);

    /// @notice The proposal is gone; the bond went back.
    event Released(uint256 indexed id);

    /// @notice Nothing stands proposed: look at the phase.
    error NothingProposed(IFederation.Phase phase);

    /// @notice The challenge window is over.
    error WindowOver(uint64 challengeEnd);

    /// @notice No such record, vector or bytes follow from the proposal: nobody could answer.
    error NotDemandable();

    /// @notice Bytes of a model this large do not fit a transaction: they cannot be demanded whole.
    error TooLarge(uint32 dim, uint32 most);

    /// @notice There is no such open demand.
    error NoDemand(uint256 id);

    /// @notice The demand asks for something else.
    error AnotherQuestion(uint256 id, bytes32 asked, bytes32 given);

    /// @notice This is not what was asked for.
    error NoAnswer(uint256 id);

    /// @notice The time to answer is over.
    error TooLate(uint256 id, uint64 deadline);

    /// @notice There is still time to answer.
    error TooEarly(uint256 id, uint64 deadline);

    /// @notice The demand is about another federation.
    error AnotherFederation(IFederation asked, IFederation given);

    /// @notice The demand's proposal no longer stands: only `release` closes the demand.
    error ProposalGone(uint256 id);

    /// @notice The demand's proposal still stands.
    error ProposalStands(uint256 id);

    /// @notice Ask for a record of a paid round, or a member's payment (round 0, op 15).
    function demandRecord(Context calldata context, uint8 op, uint32 i, uint32 j) external returns (uint256 id);

    /// @notice Ask for row `e` of the settlement.
    /// @param evidence What shows that there is one: the payment of its member, the row after it, the
    /// row before it if that is not the last one of its payee or its total is not yet the proposal's;
    /// nothing (op 0) for row 0 of a proposal that pays anything.
    function demandRow(Context calldata context, uint32 e, Record calldata evidence) external returns (uint256 id);

    /// @notice Ask for 4,096 entries of a vector to which value `which` of a record commits.
    function demandVector(Context calldata context, Record calldata record, uint8 which, uint256 page)
        external
        returns (uint256 id);

    /// @notice Ask for bytes that are known by their SHA-256.
    /// @param member For a delta: the record of the member that it was accepted from; else nothing (op 0).
    function demandBlob(Context calldata context, Blob which, Record calldata member) external returns (uint256 id);

    /// @notice Ask for an example of the context's round, or of the public portion (round 0).
    function demandExample(Context calldata context, uint32 provider, uint32 index) external returns (uint256 id);

    /// @notice Ask for a member's line of the roster.
    function demandSeat(Context calldata context, uint32 i) external returns (uint256 id);

    /// @notice Ask why a member counts as accepted (it committed to that delta, and revealed it) or as
    /// silent (it committed).
    function demandMembership(Context calldata context, Record calldata member) external returns (uint256 id);

    /// @notice Ask where the payout table has the leaf of a payee's last row.
    function demandLeaf(Context calldata context, Record calldata row) external returns (uint256 id);

    /// @notice Ask which row gives a leaf of the payout table.
    function demandSource(Context calldata context, address payee, uint256 cumulative, bytes32[] calldata proof)
        external
        returns (uint256 id);

    /// @notice Ask where the table before has what a row says that its payee had.
    function demandPrevious(Context calldata context, Record calldata row) external returns (uint256 id);

    /// @notice Ask for all leaves below a node of the payout table: a hidden one could be claimed.
    function demandNode(Context calldata context, bytes32 node, bytes32[] calldata proof)
        external
        returns (uint256 id);

    /// @notice Answer with the record, or with the one that shows why there is none: the choice of a
    /// round without an accepted delta, the entry of a round without a step before it.
    function answerRecord(
        uint256 id,
        Context calldata context,
        uint8 op,
        uint32 i,
        uint32 j,
        Record calldata record
    ) external;

    /// @notice Answer with the hashes of a vector's chunks and the bytes of the page's eight, or fewer.
    function answerVector(
        uint256 id,
        bytes32 commitment,
        uint256 page,
        bytes32[] calldata hashes,
        bytes calldata data
    ) external;

    /// @notice Answer with the bytes.
    function answerBlob(uint256 id, bytes32 hash, bytes4 magic, bytes calldata data) external;

    /// @notice Answer with the example, or with a part that has no such example.
    /// @param entry The validation index's entry for the part.
    /// @param proof Siblings from the example up to the part's root.
    function answerExample(
        uint256 id,
        Context calldata context,
        uint32[3] calldata subject,
        Examples.PartEntry calldata entry,
        bytes32 salt,
        bytes calldata example,
        bytes32[] calldata proof
    ) external;

    /// @notice Answer with the member's line of the roster.
    function answerSeat(uint256 id, Context calldata context, Roster.Seat calldata seat) external;

    /// @notice Answer with what a member committed to and revealed.
    function answerMembership(
        uint256 id,
        Context calldata context,
        uint8 status,
        bytes32 deltaSha256,
        Roster.Seat calldata seat,
        Evidence calldata evidence
    ) external;

    /// @notice Answer with the leaf's siblings up to the proposed table's root.
    function answerLeaf(uint256 id, address payee, uint256 cumulative, bytes32[] calldata proof) external;

    /// @notice Answer with the row.
    function answerSource(
        uint256 id,
        Context calldata context,
        address payee,
        uint256 cumulative,
        Record calldata row
    ) external;

    /// @notice Answer with the leaf's siblings up to the root of the table before.
    function answerPrevious(uint256 id, address payee, uint256 cumulative, bytes32[] calldata proof) external;

    /// @notice Answer with all leaves below the node, in the order of the tree's array.
    function answerNode(
        uint256 id,
        bytes32 node,
        uint256 depth,
        address[] calldata payees,
        uint256[] calldata cumulatives
    ) external;

    /// @notice Answer with the node's two children, each of which may be demanded in turn: only where so
    /// many rows are below it that its leaves do not fit a transaction.
    /// @param row A row of the settlement whose number shows how many there are: the last one does.
    function answerChildren(
        uint256 id,
        Context calldata context,
        bytes32 node,
        uint256 depth,
        bytes32[2] calldata children,
        Record calldata row
    ) external;

    /// @notice Convict whoever could not answer in time. Anyone may call it, for the challenger.
    function expire(uint256 id) external;

    /// @notice Give the bond of a demand back whose proposal is gone. Anyone may call it.
    function release(uint256 id) external;

    /// @notice An open demand; all zero if it is closed.
    function demandOf(uint256 id) external view returns (Demand memory);
}
