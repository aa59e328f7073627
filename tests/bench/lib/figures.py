"""Options of benches; their figures and ratios, in the form of `--json FILE`, and as a table."""
import argparse
import json
import statistics


def options_of(description, runs, counted="rounds to measure"):
    """A parser with what all benches take: --json, and --runs, of what is COUNTED."""
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--runs", type=int, default=runs, help=f"{counted} (default: {runs})")
    return parser


def add_lab_options(parser, measured):
    """For benches that measure MEASURED in the lab where they are told to."""
    parser.add_argument("--lab", action="store_true", help=f"measure {measured}")
    parser.add_argument("--icount", action="store_true",
                        help="in the lab, count time in instructions: the same on a busy host, but "
                        "much longer in coming")


def figure(name, unit, values):
    return {"name": name, "value": statistics.median(values), "unit": unit, "n": len(values),
            "min": min(values), "median": statistics.median(values), "max": max(values)}


def report(bench, samples, ratios):
    """What BENCH has measured: SAMPLES, {figure: [a sample of each round]}, whose names end in their
    units, and RATIOS of their medians: (name, dividend, divisor) each. Fails where a figure of a ratio
    is missing."""
    return {
        "bench": bench,
        "figures": [figure(name, name.rsplit(", ", 1)[1], values) for name, values in samples.items()],
        "ratios": [{"name": name, "n": len(samples[dividend]),
                    "value": statistics.median(samples[dividend]) / statistics.median(samples[divisor])}
                   for name, dividend, divisor in ratios],
    }


def ratio_in_rounds(name, dividends, divisors):
    """The median, and the spread, of each round's quotient: a host's speed changes between rounds."""
    quotients = [first / second for first, second in zip(dividends, divisors)]
    return {"name": name, "n": len(quotients), "value": statistics.median(quotients),
            "min": min(quotients), "max": max(quotients)}


def write(result, path):
    """Writes RESULT to file PATH, if any, and prints it."""
    if path:
        with open(path, "w", encoding="ascii") as target:
            json.dump(result, target, indent=1)
            target.write("\n")
    print_table(result)


def print_table(result):
    print(f"{'figure':44} {'median':>12} {'min':>12} {'max':>12}   n")
    for each in result["figures"]:
        print(f"{each['name']:44} {each['median']:12.3f} {each['min']:12.3f} {each['max']:12.3f} "
              f"{each['n']:3}")
    for each in result["ratios"]:
        spread = f"{each['min']:12.3f} {each['max']:12.3f}" if "min" in each else ""
        print(f"{each['name']:44} {each['value']:12.3f} {spread:25} {each['n']:3}")
