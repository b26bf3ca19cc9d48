"""Proofs of faults: the calls that convict a round or a settlement which was not computed by the rules.

Each module builds the calls of one judge from the published trace and the bytes behind it.
"""
