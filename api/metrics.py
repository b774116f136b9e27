"""Figures for Prometheus: requests, queries and their ends, processes, cache, snapshot.

Source: https://prometheus.io/docs/practices/naming/ and https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from api.connections import Connection
from kg.snapshots import Snapshots

CONTENT_TYPE = CONTENT_TYPE_LATEST
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """What one application counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.requests = Counter("kg_http_requests", "Requests answered", ["route", "status"], registry=registry)
        self.seconds = Histogram(
            "kg_http_request_seconds", "Time to answer a request", ["route"], buckets=_BUCKETS, registry=registry
        )
        self.sent = Counter("kg_http_sent_bytes", "Bytes of answers sent, without headers", ["route"], registry=registry)
        self.cache = Counter(
            "kg_cache_requests", "Requests that the cache of answers was asked for", ["outcome"], registry=registry
        )
        self._bound: dict[tuple[str, int], tuple[Counter, Histogram, Counter]] = {}
        self.hit, self.missed = self.cache.labels("hit"), self.cache.labels("miss")
        ProcessCollector(registry=self.registry)

    def observe(self, route: str, status: int, seconds: float, sent: int) -> None:
        """Count a request."""
        bound = self._bound.get((route, status))
        if bound is None:
            bound = (self.requests.labels(route, str(status)), self.seconds.labels(route), self.sent.labels(route))
            self._bound[route, status] = bound
        bound[0].inc()
        bound[1].observe(seconds)
        bound[2].inc(sent)

    def text(self) -> bytes:
        """Return all figures in the format that Prometheus reads."""
        return generate_latest(self.registry)


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
            yield InfoMetricFamily("kg_snapshot", "The data in service", {"version": snapshot.version})
        yield from (running, waiting)
