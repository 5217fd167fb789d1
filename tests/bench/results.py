"""Results of lines: how they are judged, printed and kept."""

import json
import statistics


class Results:
    """Prints each result as it comes, and writes them all to one file. One thread."""

    def __init__(self, file):
        self._file = file
        self.all = []

    def header(self):
        print(f"{'line':<20}{'ours':>12}{'theirs':>12} {'unit':<7}{'ratio':>6}{'min':>7}{'max':>7}{'gate':>7}"
              f"{'goal':>7}  {'met':<5}what", flush=True)

    def add(self, result):
        self.all.append(result)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self.all, indent=2) + "\n", encoding="utf-8")
        low, high = result.get("ratio_range", (None, None))
        print(f"{result['line']:<20}{_figure(result['ours']):>12}{_figure(result['theirs']):>12} "
              f"{result['unit']:<7}{_ratio(result['ratio']):>6}{_ratio(low):>7}{_ratio(high):>7}"
              f"{_gate(result):>7}{_ratio(result['goal']):>7}  {_verdict(result):<5}{_words(result)}", flush=True)

    def summary(self):
        """How many of those with a gate, or that failed, are met."""
        judged = [result["met"] for result in self.all if result["met"] is not None]
        return f"met: {sum(judged)} of {len(judged)}"

    def sound(self):
        return bool(self.all) and all(result["exact"] for result in self.all)


def paired(line, what, ours, theirs, exact, gate, goal=None, unit="rows/s", at_most=False, **more):
    """A result out of figures of pairs. Its ratio is the median of the pairs' ratios. Without a gate it is only
    told: `met` is None unless rows are missing."""
    ratios = [a / b for a, b in zip(ours, theirs)]
    ratio = statistics.median(ratios)
    if not exact or more.get("void", False):
        met = False
    elif gate is None:
        met = None
    else:
        met = ratio <= gate if at_most else ratio >= gate
    return {"line": line, "what": what, "ours": statistics.median(ours),
            "theirs": statistics.median(theirs), "ratio": ratio, "gate": gate, "goal": goal,
            "met": met, "exact": exact, "unit": unit, "at_most": at_most,
            "pairs": len(ratios), "ours_range": [min(ours), max(ours)],
            "theirs_range": [min(theirs), max(theirs)], "ratio_range": [min(ratios), max(ratios)], **more}


def failed(line, what, why):
    return {"line": line, "what": what, "ours": None, "theirs": None, "ratio": None, "gate": None,
            "goal": None, "met": False, "exact": False, "unit": "", "at_most": False, "error": why}


def _figure(value):
    if value is None:
        return "-"
    return f"{value:,.0f}".replace(",", " ") if value >= 1000 else f"{value:.3g}"


def _ratio(value):
    return "-" if value is None else f"{value:.2f}"


def _gate(result):
    return "-" if result["gate"] is None else f"{'≤' if result['at_most'] else '≥'}{result['gate']:g}"


def _verdict(result):
    if result["met"] is None:
        return "told"
    return "yes" if result["met"] else "VOID" if result.get("void") else "no"


def _words(result):
    words = result["what"]
    if result.get("compared_with"):
        words += f" / {result['compared_with']}"
    if result.get("error"):
        words += f": FAILED: {result['error']}"
    elif not result["exact"]:
        words += ": NOT EXACT"
    return words
