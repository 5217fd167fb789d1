"""Every metric that a rule, a dashboard or a page names is documented; and how names are found."""

import re
import subprocess
import sys

import pytest

import metric_names
import monitoring_files as files
import promql_shape

RECORDED = {rule["record"] for rule in files.rules("recording_rules.yml")}
METRICS = metric_names.documented()
TABLES = ("batchsql_watermark", "batchsql_producers")  # in the target, not metrics

EXPOSED = """\
# HELP batchsql_current_rps Rows committed per second over the last 10 s.
# TYPE batchsql_current_rps gauge
batchsql_current_rps{database="sqlite",table="t",test_name="default"} 0
# TYPE batchsql_custom_operations_total counter
batchsql_custom_operations_total 3
"""


def exposition(prefix=""):
    """The text of a daemon that has every documented metric."""
    return "".join(f"# TYPE {prefix if name.startswith('batchsql_') else ''}{name} {metric.type}\n"
                   for name, metric in METRICS.items())


@pytest.mark.parametrize("expression", files.all_expressions(), ids=lambda each: each.where)
def test_what_is_named_is_documented_or_recorded(expression):
    for name in metric_names.names_in(expression.text):
        assert name in RECORDED or metric_names.family(name, METRICS), name


def test_pages_name_no_metric_that_is_not_documented():
    for path in sorted((files.ROOT / "docs").rglob("*.md")):
        for name in re.findall(r"`(batchsql_\w+)", path.read_text(encoding="utf-8")):
            assert metric_names.family(name, METRICS) or name in TABLES, f"{path.name}: {name}"


def test_strings_hold_nothing_that_a_prefix_would_miss():
    for expression in files.all_expressions():
        for text in metric_names.STRING.findall(expression.text):
            assert not metric_names.OWN_NAME.search(text), expression.where


def test_names_are_found_in_expressions():
    text = 'sum(rate(batchsql_batch_size_bucket{job="batchsql_x"}[5m])) > batchsql:a:b or my_batchsql_c'
    assert metric_names.names_in(text) == {"batchsql_batch_size_bucket", "batchsql:a:b"}


def test_a_prefix_goes_before_our_names_alone():
    text = 'batchsql_a{job="batchsql_b"} / batchsql:c:d > up{job="batchsql"} + process_e'
    assert metric_names.with_prefix(text, "prod_") == (
        'prod_batchsql_a{job="batchsql_b"} / prod_batchsql:c:d > up{job="batchsql"} + process_e')


@pytest.mark.parametrize("prefix", ["", "prod_"])
def test_a_daemon_with_every_metric_differs_in_nothing(prefix):
    assert metric_names.differences(exposition(prefix), prefix) == []


def test_differences_are_told_in_both_directions():
    found = metric_names.differences(EXPOSED.replace("current_rps", "current_speed"))
    assert "batchsql_current_rps: in docs/monitoring.md, not in /metrics" in found
    assert "batchsql_current_speed: in /metrics, not in docs/monitoring.md" in found
    assert not [line for line in found if "custom" in line]


def test_another_type_is_a_difference():
    text = exposition().replace("batchsql_current_rps gauge", "batchsql_current_rps counter")
    assert metric_names.differences(text) == [
        "batchsql_current_rps: a counter in /metrics, a gauge in docs/monitoring.md"]


def test_the_check_is_a_program_too():
    script = str(files.ROOT / "tests" / "monitoring" / "metric_names.py")
    good, bad = (subprocess.run([sys.executable, script], input=text, text=True, capture_output=True)
                 for text in (exposition(), EXPOSED))
    assert (good.returncode, good.stdout) == (0, "")
    assert bad.returncode == 1 and "not in /metrics" in bad.stdout


@pytest.mark.parametrize("expression", [
    "rate(batchsql_batch_failed_total[5m] + batchsql_batch_success_total[5m])",
    "rate(sum(batchsql_batch_failed_total)[5m:1m])",
    "rate(batchsql_current_rps[5m])",
    "increase(batchsql_dead_letters[5m])",
    "delta(batchsql_records_processed_total[5m])",
    "histogram_quantile(0.95, batchsql_batch_size_bucket)",
    "histogram_quantile(0.95, sum by (database) (rate(batchsql_batch_size_bucket[5m])))",
    "avg by (database) (batchsql_current_rps)",
    "batchsql_data_integrity_rate * 100 * 100",
    "batchsql_data_integrity_rate * 10000",
])
def test_a_known_trap_is_seen(expression):
    assert promql_shape.problems(expression, METRICS)


@pytest.mark.parametrize("expression", [
    "rate(batchsql_batch_failed_total[5m]) + rate(batchsql_batch_success_total[5m])",
    'sum(increase(batchsql_rows_lost_total{table=~"a|b(c)"}[$__range]))',
    "delta(batchsql_data_integrity_rate[1h])",
    "histogram_quantile(0.95, sum by (le, database) (rate(batchsql_batch_size_bucket[5m])))",
    "histogram_quantile(0.95, rate(batchsql_batch_size_bucket[5m]))",
    "predict_linear(sum by (job) (batchsql_journal_bytes)[15m:30s], 3600)",
    "batchsql_data_integrity_rate * 100",
])
def test_a_good_expression_is_taken(expression):
    assert promql_shape.problems(expression, METRICS) == []
