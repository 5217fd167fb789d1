"""What callgrind writes is read as it is meant: by function, by inlined file, by object."""

import callgrind

PROFILE = """# callgrind format
events: Ir
summary: 1000

ob=(1) /bin/daemon
fl=(1) /core/flush.cc
fn=(1) Flush()
10 300
+1 20
fi=(2) /core/metrics.h
5 7
fe=(1)
12 3
cfi=(3) /core/metrics.cc
cfn=(2) Metrics::Add()
calls=4 20
13 100
cob=(2) /lib/prometheus.so
cfi=(4) ???
cfn=(3) 0x123
calls=1 0
* 50
cfn=(4) Write()
calls=1 90
15 400

fl=(3)
fn=(2)
20 60
cfn=(5) Metrics::Grow()
calls=4 30
* 40

fn=(5)
30 40

fl=(5) /usr/include/memory
fn=(6) Metrics::Make()
1 11
cfi=(1)
cfn=(4)
calls=1 90
2 9

fl=(1)
fn=(4)
90 280
"""


def is_metrics(file, binary, function):
    return "metrics" in file or "prometheus" in binary or function.startswith("Metrics::")


def profile(tmp_path, matches):
    path = tmp_path / "profile"
    path.write_text(PROFILE, encoding="utf-8")
    return callgrind.Profile(path, matches)


def test_the_total_is_the_summary(tmp_path):
    assert profile(tmp_path, is_metrics).total == 1000


def test_calls_count_whole_and_inlined_lines_by_their_file(tmp_path):
    # 7 inlined, 100 into another file, 50 into another object; what those call is in their 150.
    assert profile(tmp_path, is_metrics).inside == 7 + 100 + 50


def test_nothing_matches_nothing(tmp_path):
    assert profile(tmp_path, lambda *_: False).inside == 0


def test_a_callee_without_a_file_is_in_its_callers(tmp_path):
    assert profile(tmp_path, lambda file, _, function: function == "Write()").inside == 400 + 9
