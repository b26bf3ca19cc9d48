"""Runnable federations. A package, so that it is found before the ``examples`` that Opacus installs."""
