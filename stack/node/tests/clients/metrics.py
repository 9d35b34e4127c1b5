"""What Prometheus's own parser makes of `GET /metrics`, beside what `GET /v1/metrics` says, as the test wrote both down."""

import json
import math
import os
import pathlib
import re

from checks import check, main
from prometheus_client.openmetrics.parser import text_string_to_metric_families

FAMILIES = list(text_string_to_metric_families(pathlib.Path(os.environ["TEXT"]).read_text()))
EXPECTED = json.loads(pathlib.Path(os.environ["EXPECTED"]).read_text())
# Only here, or never twice the same.
OTHERS = {"greenroom_build_info", "greenroom_request_duration_seconds", "greenroom_uptime_seconds"}


def samples():
    return {(s.name, frozenset(s.labels.items())): s.value for family in FAMILIES for s in family.samples}


@check
def every_value_is_the_snapshots():
    found = samples()
    for name, labels, value in EXPECTED:
        told = found.get((name, frozenset(labels.items())))
        assert told is not None, f"{name} {labels} is missing"
        assert math.isclose(told, value, rel_tol=1e-12), f"{name} {labels} is {told}, and not {value}"
    assert len(EXPECTED) > 30, len(EXPECTED)


@check
def nothing_else_is_told():
    expected = {(name, frozenset(labels.items())) for name, labels, _ in EXPECTED}
    for family in FAMILIES:
        for sample in family.samples:
            known = (sample.name, frozenset(sample.labels.items())) in expected
            assert known or family.name in OTHERS or sample.name in OTHERS, sample


@check
def families_follow_the_conventions():
    for family in FAMILIES:
        assert re.fullmatch("greenroom(_[a-z]+)+", family.name), family.name
        assert family.documentation.endswith("."), family.name
        assert family.unit in ("", "bytes", "seconds", "ratio") and family.name.endswith(family.unit), family.name
        assert family.type in ("counter", "gauge", "histogram", "info"), family.name


@check
def durations_add_up_to_the_requests():
    found = samples()
    counted = {labels: value for (name, labels), value in found.items() if name == "greenroom_requests_total"}
    lasted = {labels: value for (name, labels), value in found.items() if name == "greenroom_request_duration_seconds_count"}
    assert counted == lasted and len(counted) > 1, f"{counted} {lasted}"
    sums = [value for (name, _), value in found.items() if name == "greenroom_request_duration_seconds_sum"]
    assert all(value > 0 for value in sums), sums


main()
