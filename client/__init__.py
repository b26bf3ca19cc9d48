"""A member's side: vault, privacy ledger, training, signing and the Flower ClientApp."""
