"""All campaigns by name."""

from __future__ import annotations

from . import argv, configs, data_files, kills, patterns
from .campaign import Campaign

CAMPAIGNS: dict[str, Campaign] = {module.CAMPAIGN.name: module.CAMPAIGN for module in (kills, argv, configs, data_files, patterns)}
