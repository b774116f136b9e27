"""What is deployed is what there is: settings, commands, paths and figures that deploy/ and docs/deploying.md name exist."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from api.metrics import Metrics, ServiceCollector
from api.settings import Settings, describe_settings, read_value, settings_from
from api.sparql import PATHS
from kg.cli import _parser
from kg.paths import ROOT
from kg.snapshots import Snapshots

DEPLOY = ROOT / "deploy"
GUIDE = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
FILES = {path.name: path.read_text(encoding="utf-8") for path in sorted(DEPLOY.iterdir())} | {"deploying.md": GUIDE}
# What is no setting of the server: the base of addresses, and who publishes.
BESIDE = {"KG_BASE_IRI", "KG_USER", "KG_PASSWORD"}
DEFAULTS = {name: default for name, _, default, _ in describe_settings()}
SECTIONS = {"Unit", "Service", "Timer", "Install"}


def unit(path: Path) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None, strict=True, delimiters="=", comment_prefixes=("#",))
    parsed.optionxform = str  # type: ignore[method-assign, assignment] - the names of settings are told apart by case
    parsed.read_string(path.read_text(encoding="utf-8"))
    return parsed


def service(name: str) -> configparser.SectionProxy:
    return unit(DEPLOY / name)["Service"]


def environment() -> dict[str, str]:
    lines = [line for line in FILES["plan-de-gobierno.env"].splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def commands(text: str) -> list[list[str]]:
    """Return the `kg` commands in a text: of units, of the container, of examples and of sentences."""
    found = re.findall(r"(?:^|[\s\"`/])kg ((?:build|serve|publish|check|draft|query|export|draw|validate)\b[^`\"\n|&]*)", text)
    return [shlex.split(line.partition("#")[0]) for line in found]


def setting_number(name: str) -> float:
    return float(environment().get(name, DEFAULTS[name]))


def seconds(directive: str) -> float:
    found = re.search(rf"\b{directive}\s+(\d+)s;", FILES["nginx.conf"])
    assert found, directive
    return float(found[1])


def kilobytes(pattern: str) -> int:
    found = re.search(pattern + r"\s*(\d+)k;", FILES["nginx.conf"])
    assert found, pattern
    return int(found[1]) * 1024


# --- names -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_every_setting_named_exists(name):
    assert set(re.findall(r"\bKG_[A-Z_]+", FILES[name])) <= set(DEFAULTS) | BESIDE


@pytest.mark.parametrize("name", [n for n, text in FILES.items() if commands(text)])
def test_every_command_named_exists(name):
    for arguments in commands(FILES[name]):
        if "FOLDER" in arguments or len(arguments) > 1:
            _parser().parse_args([a.replace("$?", "1") for a in arguments])
        else:
            assert arguments[0] in _parser().format_help()


def test_commands_are_found_at_all():
    """The test above looks at something, and would notice."""
    assert {a[0] for text in FILES.values() for a in commands(text)} >= {"build", "serve", "publish"}
    with pytest.raises(SystemExit):
        _parser().parse_args(commands("x `kg build --if-changd`")[0])


def test_every_path_of_the_project_exists():
    named = re.findall(r"\bdeploy/[\w.-]+\w", "\n".join(FILES.values())) + re.findall(r"\]\(([\w./-]+)\)", GUIDE)
    for path in named:
        assert (ROOT / path).is_file() or (ROOT / "docs" / path).is_file(), path
    assert len(named) > 5
    assert set(re.findall(r"`?(/[\w/-]+)`?", "/ready /metrics /-/reload")) <= set(re.findall(r"/[\w/-]+", GUIDE))


def test_every_file_that_the_container_copies_exists():
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", FILES["Containerfile"], re.MULTILINE)
    copied = [word for line in lines for word in line.split()]
    assert copied and all((ROOT / name).exists() for name in copied)
    needed = {
        "api",
        "kg",
        "ontology",
        "plans",
        "queries",
        "shapes",
        "requirements.lock",
        "pyproject.toml",
        "README.md",
        "LICENSE",
    }
    assert needed <= set(copied)


def test_every_address_of_the_server_exists():
    from api.operations import router

    served = {route.path for route in router.routes} | PATHS  # type: ignore[attr-defined]
    named = set(re.findall(r"127\.0\.0\.1:8000(/[\w/-]+)", "\n".join(FILES.values()))) | {"/metrics", "/-/reload"}
    assert named >= {"/ready", "/-/reload"} and named <= served
    assert "location = /metrics { return 404; }" in FILES["nginx.conf"] and "location /-/ { return 404; }" in FILES["nginx.conf"]


def test_every_figure_named_exists(tmp_path):
    metrics = Metrics()
    metrics.registry.register(ServiceCollector(Snapshots(tmp_path, Settings().query_limits(), Settings().page_limits())))
    metrics.observe("sparql", 200, 0.1, 1)
    told = metrics.text().decode()
    named = set(re.findall(r"`((?:kg|process)_[a-z_]+)", GUIDE))
    assert len(named) > 6
    with_snapshot = {"kg_workers_isolated", "kg_in_memory", "kg_snapshot_info"}
    assert {name for name in named - with_snapshot if not re.search(rf"^# TYPE {name} ", told, re.MULTILINE)} == set()
    source = (ROOT / "api" / "metrics.py").read_text(encoding="utf-8")
    assert all(f'"{name.removesuffix("_info")}"' in source for name in with_snapshot)
    outcomes = set(re.findall(r'outcome="(\w+)"', GUIDE))
    assert outcomes and all(
        f"  {outcome}:" in (ROOT / "api" / "strings.yaml").read_text(encoding="utf-8") for outcome in outcomes
    )


# --- the units ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_is_well_formed(path):
    parsed = unit(path)
    assert set(parsed.sections()) <= SECTIONS and "Unit" in parsed
    assert parsed["Unit"]["Description"]
    assert all(value is not None for section in parsed.sections() for value in parsed[section].values())


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_knows_every_word_of_a_unit(path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, timeout=60, check=False)
    told = [line for line in done.stderr.splitlines() if path.name in line and "is not executable" not in line]
    assert told == []


@pytest.mark.parametrize("name", ["plan-de-gobierno.service", "plan-de-gobierno-build.service"])
def test_a_unit_may_write_where_it_must_and_nowhere_else(name):
    told = service(name)
    out = commands(told["ExecStart"])[0]
    assert out[out.index("--out") + 1] == f"/var/lib/{told['StateDirectory']}"
    assert told["ProtectSystem"] == "strict" and "ReadWritePaths" not in told
    assert told["User"] != "root" and told["NoNewPrivileges"] == "yes" and told["CapabilityBoundingSet"] == ""


def test_the_unit_lets_query_processes_leave_the_network():
    told = service("plan-de-gobierno.service")
    assert set(told["RestrictNamespaces"].split()) == {"user", "net"}
    assert told["SystemCallFilter"] == "@system-service", (
        "@resources (SCHED_IDLE) and unshare are in it; no group may be taken out"
    )
    assert told["IPAddressDeny"] == "any" and told["IPAddressAllow"] == "localhost"
    assert {"AF_UNIX", "AF_INET", "AF_INET6"} == set(told["RestrictAddressFamilies"].split())


def test_the_unit_stops_and_reloads_as_the_server_does():
    told = service("plan-de-gobierno.service")
    assert told["KillMode"] == "mixed" and float(told["TimeoutStopSec"]) > setting_number("KG_SHUTDOWN_SECONDS")
    assert "POST http://127.0.0.1:8000/-/reload" in told["ExecReload"]
    assert float(told["LimitNOFILE"]) > setting_number("KG_CONNECTIONS") + 500


def test_the_memory_of_the_unit_holds_the_queries_that_may_run():
    queries = setting_number("KG_WORKERS") + 1 + setting_number("KG_LONG_WORKERS")
    most = int(service("plan-de-gobierno.service")["MemoryMax"].removesuffix("G")) * 1024**3
    assert most >= queries * setting_number("KG_WORKER_MEMORY") + 512 * 1024**2


def test_no_query_process_is_given_less_memory_than_it_needs_to_start():
    given = [int(n) for text in FILES.values() for n in re.findall(r"KG_WORKER_MEMORY=(\d+)", text)]
    assert len(given) >= 2 and min(given) >= 768 * 1024**2


def test_the_environment_file_can_be_read_by_the_server():
    told = environment()
    settings = settings_from({}, told)
    assert settings.url == told["KG_URL"] and settings.trusted_proxies == told["KG_TRUSTED_PROXIES"]
    for name, value in told.items():
        assert read_value(name, value, type(getattr(Settings(), name.removeprefix("KG_").lower()))) is not None


def test_the_timer_starts_the_build():
    timer = DEPLOY / "plan-de-gobierno-build.timer"
    assert timer.with_suffix(".service").is_file() and unit(timer)["Timer"]["OnCalendar"] == "hourly"
    assert service("plan-de-gobierno-build.service")["SuccessExitStatus"] == "1"


# --- proxy and container -------------------------------------------------------------------------------------------------------


def test_the_proxy_waits_and_takes_as_much_as_the_server():
    assert seconds("proxy_read_timeout") > setting_number("KG_QUERY_SECONDS") + 5
    assert seconds("keepalive_timeout") < setting_number("KG_IDLE_SECONDS")
    assert kilobytes("client_max_body_size") > setting_number("KG_QUERY_BYTES")
    assert kilobytes("large_client_header_buffers 4") > setting_number("KG_HEADER_BYTES")
    assert re.search(r"proxy_buffering off;", FILES["nginx.conf"]) and re.search(
        r"^\s*gzip off;", FILES["nginx.conf"], re.MULTILINE
    )


def test_the_proxy_says_itself_who_asks():
    directives = [line.strip() for line in FILES["nginx.conf"].splitlines() if not line.strip().startswith("#")]
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in directives
    assert not any("$proxy_add_x_forwarded_for" in line for line in directives)


def test_the_proxys_brackets_close():
    text = re.sub(r"#.*", "", FILES["nginx.conf"])
    assert text.count("{") == text.count("}") > 4
    open_ends = [line for line in text.splitlines() if line.strip() and line.strip()[-1] not in "{};"]
    assert open_ends == []


def test_the_container_is_what_it_says():
    text = FILES["Containerfile"]
    assert "--require-hashes -r requirements.lock" in text
    assert re.search(r"^USER 10001$", text, re.MULTILINE) and "VOLUME /build" in text
    assert "/ready" in re.search(r"^HEALTHCHECK.*\n.*", text, re.MULTILINE)[0]  # type: ignore[index]
    starts = [arguments for arguments in commands(text) if arguments[0] in {"build", "serve"}]
    assert [a[a.index("--out") + 1] for a in starts] == ["/build", "/build"]
    assert starts[1][starts[1].index("--host") + 1] == "0.0.0.0"


def test_the_container_takes_away_only_what_developers_need():
    removed = set(re.search(r"pip uninstall --yes (.+) \\", FILES["Containerfile"])[1].split()) - {"pip"}  # type: ignore[index]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    needed = re.search(r"^dependencies = \[(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    dev = re.search(r"^dev = \[(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    assert needed and dev
    names = [set(re.findall(r'^\s*"([A-Za-z-]+)', found[1], re.MULTILINE)) for found in (needed, dev)]
    assert removed <= names[1] and not removed & names[0]
