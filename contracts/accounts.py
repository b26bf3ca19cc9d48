"""An Ethereum account held as a key in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.abi import to_address
from federation.errors import IdentityError
from federation.types import Address

if TYPE_CHECKING:
    from contracts.chain import UnsignedTransaction
    from federation.types import Hash32


class Account:
    """A secp256k1 key: pays for gas, or is paid.

    Signatures are deterministic (RFC 6979), so that a seeded run repeats itself.
    """

    __slots__ = ("_address", "_key")

    def __init__(self, private_key: bytes) -> None:
        """Take a key.

        Args:
            private_key: 32 bytes, a number from 1 to the order of the curve.

        Raises:
            IdentityError: It is not such a key.
        """
        from eth_keys.main import KeyAPI
        from eth_utils.exceptions import ValidationError

        try:
            self._key = KeyAPI.PrivateKey(private_key)
            self._address = to_address(self._key.public_key.to_canonical_address())
        except (ValidationError, ValueError) as err:
            raise IdentityError("the private key is not a secp256k1 key") from err

    def __repr__(self) -> str:
        return f"Account({self._address})"

    @property
    def address(self) -> Address:
        """The account's address."""
        return self._address

    def sign_transaction(self, transaction: UnsignedTransaction) -> bytes:
        """Return the signed EIP-1559 transaction."""
        from eth_account import Account as EthAccount

        fields = {
            "type": 2,
            "chainId": transaction.chain_id,
            "nonce": transaction.nonce,
            "maxPriorityFeePerGas": int(transaction.max_priority_fee_per_gas),
            "maxFeePerGas": int(transaction.max_fee_per_gas),
            "gas": transaction.gas,
            "value": 0,
            "data": transaction.data,
        }
        if transaction.to is not None:
            fields["to"] = transaction.to
        return bytes(EthAccount.sign_transaction(fields, self._key.to_bytes()).raw_transaction)

    def personal_sign(self, text: str) -> bytes:
        """Sign a text as wallets do (EIP-191, version 0x45).

        Returns:
            65 bytes: r, s, v.
        """
        from eth_account import Account as EthAccount
        from eth_account.messages import encode_defunct

        return bytes(EthAccount.sign_message(encode_defunct(text=text), self._key.to_bytes()).signature)

    def sign_register(
        self, *, chain_id: int, registry: Address, did_hash: Hash32, nonce: int, deadline: int
    ) -> bytes:
        """Sign that this account is paid for a DID (EIP-712, ``ContributorRegistry.registerBySig``).

        Args:
            chain_id: The registry's chain.
            registry: The registry's address.
            did_hash: ``federation.hashing.did_hash`` of the DID.
            nonce: The registry's ``nonces(address)``.
            deadline: Last Unix second at which the signature may be used.

        Returns:
            65 bytes: r, s, v.
        """
        domain: dict[str, object] = {
            "name": "Folkmoot ContributorRegistry",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": registry,
        }
        types = {
            "Register": [
                {"name": "payee", "type": "address"},
                {"name": "didHash", "type": "bytes32"},
                {"name": "nonce", "type": "uint256"},
                {"name": "deadline", "type": "uint256"},
            ]
        }
        message = {"payee": self._address, "didHash": did_hash, "nonce": nonce, "deadline": deadline}
        return self.sign_typed_data(domain, types, message)

    def sign_consent(self, *, chain_id: int, federation: Address, epoch: int, terms_hash: Hash32) -> bytes:
        """Sign that this account's bond stands for a provider in an epoch (EIP-712, ``Federation.consent``).

        Args:
            chain_id: The federation's chain.
            federation: The federation's address.
            epoch: The epoch's number.
            terms_hash: keccak-256 of the epoch's ABI-encoded terms.

        Returns:
            65 bytes: r, s, v.
        """
        domain, types, message = _consent(chain_id, federation, epoch, terms_hash)
        return self.sign_typed_data(domain, types, message)

    def sign_typed_data(
        self,
        domain: dict[str, object],
        types: dict[str, list[dict[str, str]]],
        message: dict[str, object],
    ) -> bytes:
        """Sign a message that names what it is for (EIP-712).

        Args:
            domain: The contract that it is for: name, version, chainId, verifyingContract.
            types: The fields of the message's type, in order.
            message: Their values.

        Returns:
            65 bytes: r, s, v.
        """
        from eth_account import Account as EthAccount

        signed = EthAccount.sign_typed_data(
            self._key.to_bytes(), domain_data=domain, message_types=types, message_data=message
        )
        return bytes(signed.signature)


def consent_signer(
    signature: bytes, *, chain_id: int, federation: Address, epoch: int, terms_hash: Hash32
) -> Address:
    """Return the account whose key made a signature of ``Account.sign_consent``.

    Raises:
        IdentityError: It is no signature.
    """
    from eth_account import Account as EthAccount
    from eth_account.messages import encode_typed_data
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError

    if len(signature) != 65:
        raise IdentityError(f"a consent has 65 bytes, not {len(signature)}")
    domain, types, message = _consent(chain_id, federation, epoch, terms_hash)
    encoded = encode_typed_data(domain_data=domain, message_types=types, message_data=message)
    try:
        return Address(str(EthAccount.recover_message(encoded, signature=signature)))
    except (BadSignature, ValidationError, ValueError, TypeError) as err:
        raise IdentityError("the consent is no signature") from err


def _consent(
    chain_id: int, federation: Address, epoch: int, terms_hash: Hash32
) -> tuple[dict[str, object], dict[str, list[dict[str, str]]], dict[str, object]]:
    domain: dict[str, object] = {
        "name": "Folkmoot Federation",
        "version": "1",
        "chainId": chain_id,
        "verifyingContract": federation,
    }
    fields = [{"name": "epoch", "type": "uint64"}, {"name": "termsHash", "type": "bytes32"}]
    return domain, {"Consent": fields}, {"epoch": epoch, "termsHash": terms_hash}
