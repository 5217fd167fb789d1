"""Shapes of PromQL that a parser takes and that are wrong all the same, found by reading."""

import re

import metric_names

COUNTER_FUNCTIONS = ("rate", "irate", "increase")
GAUGE_FUNCTIONS = ("delta", "idelta", "deriv", "predict_linear")
CALL = re.compile(r"\b(rate|irate|increase|delta|idelta|deriv|predict_linear)\s*\(")
ONE_SERIES = re.compile(r"([a-zA-Z_:][\w:]*)\s*(\{[^{}]*\})?\s*\[([^\[\]]+)\](?:\s*offset\s+\w+)?")
AVERAGED_RATE = re.compile(r"\bavg\s*(?:(?:by|without)\s*\([^)]*\)\s*)?\(\s*batchsql_current_rps")
SELECTOR = re.compile(r"(?<![\w:])((?:batchsql|process)[_:][\w:]*)\s*(\{[^{}]*\})?")


def argument_of(expression, opened):
    """The text of the first argument of the call whose bracket opens at `opened`."""
    depth = 0
    for position in range(opened, len(expression)):
        character = expression[position]
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 or (depth == 1 and character == ","):
            return expression[opened + 1:position].strip()
    raise ValueError("a bracket is not closed")


def calls(expression):
    """(function, first argument) of every call of rate and its kin."""
    return [(call.group(1), argument_of(expression, call.end() - 1))
            for call in CALL.finditer(expression)]


def is_counter(name, metrics):
    """A counter, or a part of a histogram."""
    base = metric_names.family(name, metrics)
    return base is not None and (base != name or metrics[base].type == "counter")


def _problem_of_call(function, argument, metrics):
    match = ONE_SERIES.fullmatch(argument)
    if function in COUNTER_FUNCTIONS:
        if match is None:
            return f"{function}({argument}) is not over one series"
        if not is_counter(match.group(1), metrics):
            return f"{function} over {match.group(1)}, which is no counter"
    elif match is not None and is_counter(match.group(1), metrics):
        return f"{function} over {match.group(1)}, which is a counter"
    return None


def problems(expression, metrics):
    """Lines; empty for a good expression."""
    found = [_problem_of_call(function, argument, metrics)
             for function, argument in calls(expression)]
    for call in re.finditer(r"\bhistogram_quantile\s*\(", expression):
        quantile = expression[call.end() - 1:]
        buckets = argument_of("(" + quantile.split(",", 1)[1], 0)
        if not re.match(r"sum by \((?:\w+, )*le(?:, \w+)*\) \(\s*rate\(|rate\(", buckets):
            found.append("histogram_quantile without rate, or not summed by le")
    if AVERAGED_RATE.search(expression):
        found.append("rows/s are averaged")
    if "batchsql_data_integrity_rate" in expression:
        if len(re.findall(r"\*\s*100\b", expression)) > 1 or re.search(r"\*\s*10000\b", expression):
            found.append("the integrity rate is multiplied by more than 100")
    return [problem for problem in found if problem]


def selectors(expression):
    """(name, the text in braces or "") of every series of ours."""
    return [(name, braces or "") for name, braces in SELECTOR.findall(expression)]
