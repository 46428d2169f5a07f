"""What happens to runs beyond one machine, and how they may end by it."""

from __future__ import annotations

import random
import signal

from .judge import BROKEN_OFF, REFUSED
from .kills import TERMINATED
from .scene import Scene, Strike
from .spread_setups import Spread

# how many steps there are of each role, about: into a folder, and into a store
STEPS = {"worker": (24, 60), "owner": (40, 120)}
KILLED = -signal.SIGKILL


def kinds(setup: Spread) -> list[str]:
    """What may happen to a run; what is listed twice does so twice as often."""
    found = ["owner", "owner", "SIGTERM", "group", "two"]
    found += ["worker", "worker"] if setup.maker != "inline" else []
    found += ["scheduler", "scheduler"] if setup.maker == "dask" else []
    found += ["503", "503", "503 for ever"] if setup.store else ["full disk", "full disk"]
    return found


def strike(draw: random.Random, role: str, setup: Spread, kind: int = signal.SIGKILL, *victims: int) -> Strike:
    """A signal at some step of a role; sooner rather than later, as runs have more or fewer of them."""
    return Strike(role, 1 + int(draw.random() ** 1.5 * STEPS[role][setup.store]), kind, victims)


def strikes(kind: str, draw: random.Random, setup: Spread, scene: Scene) -> list[Strike]:
    """The signals of a kind; none for what happens to a disk or a store."""
    on_cluster = setup.maker == "dask"
    role = "owner" if setup.maker == "inline" else draw.choice(("owner", "worker"))
    if kind == "worker":
        count = draw.choice((1, 2, 3) if on_cluster else (1, 2))  # three in a row end a run of a pool
        return [strike(draw, "worker", setup) for _ in range(count)]
    if kind == "owner":
        return [strike(draw, "owner", setup)]
    if kind == "SIGTERM":
        return [strike(draw, "owner", setup, signal.SIGTERM)]
    if kind == "scheduler":
        return [strike(draw, role, setup, signal.SIGKILL, scene.cluster_processes()[0])]
    if kind == "group":
        # workers of a cluster are in a group with whoever started them: the owner strikes at them and its own
        victims = (*scene.cluster_processes(), 0) if on_cluster else (0,)
        return [strike(draw, "owner" if on_cluster else role, setup, signal.SIGKILL, *victims)]
    if kind == "two":
        return [strike(draw, "worker", setup), strike(draw, "owner", setup)]
    return []


def right_codes(kind: str, setup: Spread) -> set[int]:
    """The exit codes that are right; 0 where all was made before it took effect."""
    if kind in ("worker", "503"):
        return {0}
    if kind == "SIGTERM":
        return {0, TERMINATED}
    if kind in ("owner", "two"):
        return {0, KILLED}
    if kind == "group":  # of pieces, others may lose their cluster by it
        return {0, KILLED, *[BROKEN_OFF, REFUSED] * (setup.maker == "dask" and setup.in_pieces)}
    return {0, BROKEN_OFF, REFUSED}  # refused where it happens before anything was begun
