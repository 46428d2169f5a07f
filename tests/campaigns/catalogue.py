"""All campaigns by name."""

from __future__ import annotations

from . import argv, configs, data_files, downloads, kills, limits, links, patterns, spread
from .campaign import Campaign

CAMPAIGNS: dict[str, Campaign] = {
    module.CAMPAIGN.name: module.CAMPAIGN
    for module in (kills, spread, limits, links, argv, configs, data_files, patterns, downloads)
}
