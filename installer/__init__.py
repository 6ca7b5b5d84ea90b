"""Puts the kit on a machine and takes it off again. Standard library only; no network but pip's, for a bundle."""
