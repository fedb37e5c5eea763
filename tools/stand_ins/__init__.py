"""Generators of the stand-ins that are shipped as files (``make stand-ins``)."""
