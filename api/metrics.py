"""Figures for Prometheus: requests, queries and their ends, processes, cache, snapshot.

Source: https://prometheus.io/docs/practices/naming/ and https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from api.connections import Connection
from kg.snapshots import Snapshots

CONTENT_TYPE = CONTENT_TYPE_LATEST
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


@dataclass
class Route:
    """What is counted of the requests to one part of the site: by status, by how long they took, and the bytes sent."""

    statuses: Counter[int] = field(default_factory=Counter)
    within: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS) + 1))
    seconds: float = 0.0
    sent: int = 0


class Metrics:
    """What one application counts: in plain numbers, as counters of Prometheus cost more than all else for a small query."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.routes: dict[str, Route] = {}
        self.hits = self.misses = 0  # of the cache of answers
        ProcessCollector(registry=self.registry)
        self.registry.register(RequestCollector(self))

    def observe(self, route: str, status: int, seconds: float, sent: int) -> None:
        """Count a request."""
        counted = self.routes.get(route)
        if counted is None:
            counted = self.routes[route] = Route()
        counted.statuses[status] += 1
        counted.within[bisect_left(_BUCKETS, seconds)] += 1
        counted.seconds += seconds
        counted.sent += sent

    def text(self) -> bytes:
        """Return all figures in the format that Prometheus reads."""
        return generate_latest(self.registry)


class RequestCollector(Collector):
    """Reads what `Metrics` has counted."""

    def __init__(self, metrics: Metrics):
        self.metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Yield the figures."""
        requests = CounterMetricFamily("kg_http_requests", "Requests answered", labels=["route", "status"])
        seconds = HistogramMetricFamily("kg_http_request_seconds", "Time to answer a request", labels=["route"])
        sent = CounterMetricFamily("kg_http_sent_bytes", "Bytes of answers sent, without headers", labels=["route"])
        for name, route in self.metrics.routes.items():
            for status, count in sorted(route.statuses.items()):
                requests.add_metric([name, str(status)], count)
            bounds = [*map(floatToGoString, _BUCKETS), "+Inf"]
            seconds.add_metric([name], list(zip(bounds, accumulate(route.within), strict=True)), route.seconds)
            sent.add_metric([name], route.sent)
        cache = CounterMetricFamily("kg_cache_requests", "Requests that the cache of answers was asked for", labels=["outcome"])
        cache.add_metric(["hit"], self.metrics.hits)
        cache.add_metric(["miss"], self.metrics.misses)
        yield from (requests, seconds, sent, cache)


class ServiceCollector(Collector):
    """Reads what pools, cache and snapshots count by themselves, when they are asked for it."""

    def __init__(self, snapshots: Snapshots):
        self.snapshots = snapshots

    def collect(self) -> Iterator[Metric]:
        """Yield the figures."""
        yield GaugeMetricFamily("kg_connections", "Connections open", len(Connection.open))
        yield CounterMetricFamily("kg_snapshot_swaps", "Snapshots that took over from another", self.snapshots.swaps)
        ends = CounterMetricFamily(
            "kg_queries", "Queries by how they ended: ok, or the kind of failure", labels=["pool", "outcome"]
        )
        rows = CounterMetricFamily("kg_query_rows", "Rows of answers", labels=["pool"])
        long = CounterMetricFamily("kg_long_queries", "Queries that became long ones", labels=["pool"])
        deaths = CounterMetricFamily("kg_worker_deaths", "Query processes that ended unasked", labels=["pool"])
        for name, tally in self.snapshots.tallies.items():
            for outcome, count in sorted(tally.ends.items()):
                ends.add_metric([name, outcome], count)
            rows.add_metric([name], tally.rows)
            long.add_metric([name], tally.long)
            deaths.add_metric([name], tally.deaths)
        yield from (ends, rows, long, deaths)
        yield from self._now()

    def _now(self) -> Iterator[Metric]:
        running = GaugeMetricFamily("kg_queries_running", "Queries that run now", labels=["pool"])
        waiting = GaugeMetricFamily("kg_queries_waiting", "Queries that wait now", labels=["pool"])
        snapshot = self.snapshots.in_service
        if snapshot:
            for name, pool in (("queries", snapshot.queries), ("pages", snapshot.pages)):
                running.add_metric([name], pool.running)
                waiting.add_metric([name], pool.waiting)
            cache = snapshot.kept.get("cache")
            yield GaugeMetricFamily("kg_cache_bytes", "Bytes of answers kept", cache.used if cache else 0)
            yield GaugeMetricFamily("kg_cache_answers", "Answers kept", len(cache) if cache else 0)
            isolated = all(pool.isolated for pool in (snapshot.queries, snapshot.pages))
            yield GaugeMetricFamily("kg_workers_isolated", "1 when every query process has left the network", float(isolated))
            yield GaugeMetricFamily("kg_in_memory", "1 when the triples are in memory, 0 when on disk", float(snapshot.in_memory))
            yield InfoMetricFamily("kg_snapshot", "The data in service", {"version": snapshot.version})
        yield from (running, waiting)
