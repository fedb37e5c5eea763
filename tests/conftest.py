"""Figures are drawn into memory, and no test fails because a machine is busy."""

import matplotlib
from hypothesis import settings

matplotlib.use("agg")
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")
