"""Loads Tuning's profiles with tuned's own loader, on top of the stock profiles that they include, and asks tuned's own plugins
whether they know each option. Usage: tuned_profiles.py FOLDER STOCK [PACKAGES], where PACKAGES holds tuned's Python code."""
import importlib
import logging
import os
import sys

folder, stock = sys.argv[1:3]
sys.path[:0] = sys.argv[3:]

from tuned.profiles.factory import Factory  # noqa: E402
from tuned.profiles.loader import Loader  # noqa: E402
from tuned.profiles.locator import Locator  # noqa: E402
from tuned.profiles.merger import Merger  # noqa: E402
from tuned.profiles.variables import Variables  # noqa: E402

# Of these the options are names of the kernel's: any is taken.
FREE = {"sysctl", "sysfs", "bootloader"}


def fail(sentence):
    sys.exit(f"tuning: FAILED: {sentence}")


def load(name):
    # tuned's logger sets its own level when it is first asked for.
    logging.disable(logging.INFO)
    loader = Loader(Locator([stock, folder]), Factory(), Merger(), None, Variables())
    return {unit.name: unit for unit in loader.load([name]).units.values()}


def known(kind):
    module = importlib.import_module(f"tuned.plugins.plugin_{kind}")
    classes = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    plugin = next(c for c in classes if hasattr(c, "_get_config_options"))
    return set(plugin._get_config_options())


names = sorted(entry for entry in os.listdir(folder) if os.path.isdir(os.path.join(folder, entry)))
if names != ["trireme-latency", "trireme-throughput"]:
    fail(f"profiles {names} found in {folder}")
for name in names:
    units = load(name)
    text = open(os.path.join(folder, name, "tuned.conf")).read()
    include = next(line.split("=", 1)[1] for line in text.splitlines() if line.startswith("include="))
    below = load(include)
    # What the profile asks for wins over the stock profile, and what it leaves alone is inherited.
    section = None
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif section not in (None, "main") and line.strip() and not line.startswith("#"):
            option, value = line.split("=", 1)
            if section not in FREE and option not in known(units[section].type):
                fail(f"{name}: tuned's plugin {section} has no option {option}: {sorted(known(units[section].type))}")
            if units[section].options.get(option) != value:
                fail(f"{name}: {section}.{option} is {units[section].options.get(option)} after merging, not {value}")
    for kind, unit in below.items():
        for option in unit.options:
            if kind not in units or option not in units[kind].options:
                fail(f"{name}: {kind}.{option} of {include} is lost")
    if units["vm"].options["transparent_hugepages"] == "never":
        fail(f"{name}: huge pages are switched off")
    count = sum(len(unit.options) for unit in units.values())
    print(f"tuning: tuned merges {name} with {include}: {count} options, all known to its plugins")

# The test could fail: a stock profile says never, and an unknown option is seen.
if load("network-latency")["vm"].options["transparent_hugepages"] != "never" or "elevators" in known("disk"):
    fail("the checks above would not see a mistake")
