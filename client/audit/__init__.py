"""How private the deltas of this software really are, measured from outside."""
