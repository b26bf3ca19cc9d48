"""The commands of ``folkmoot client``, one file each."""
