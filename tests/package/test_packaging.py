"""The files around the course: locks, package, workflows, hygiene."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))

# Spelled so that this file does not hold what it forbids.
HOSTS = [("pypi", "org"), ("files", "pythonhosted"), ("registry", "npmjs")]
FORBIDDEN = re.compile(
    "|".join(r"\.".join(host) for host in HOSTS)
    + r"|(?<![\w.~-])/(?:work/|root/|opt/|Users/|home/(?!reader/))\w"
)


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def chosen(name: str) -> list[Requirement]:
    """Return the requirements of an .in file and of those that it includes."""
    requirements = []
    for line in read(name).splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("-r "):
            requirements += chosen(line.removeprefix("-r ").strip())
        elif line:
            requirements.append(Requirement(line))
    return requirements


def locked(name: str) -> dict[tuple[str, str], set[str]]:
    """Return the hashes of each (name, version) in a lock."""
    lock: dict[tuple[str, str], set[str]] = {}
    for line in read(name).splitlines():
        if pin := re.match(r"([\w.-]+)==([^ ;]+)", line):
            hashes = lock.setdefault((pin[1], pin[2]), set())
        elif found := re.search(r"--hash=(sha256:[0-9a-f]{64})", line):
            hashes.add(found[1])
    return lock


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))


def forbidden(text: str) -> list[str]:
    return [match[0] for match in FORBIDDEN.finditer(text)]


def test_the_package_has_ranges_and_no_exact_pins():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    lines = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        lines += extra
    for requirement in map(Requirement, lines):
        operators = {part.operator for part in requirement.specifier}
        assert operators == {">="}, requirement


@pytest.mark.parametrize("name", ["requirements", "requirements-site"])
def test_a_lock_covers_what_was_chosen(name):
    versions: dict[str, list[str]] = {}
    for package, version in locked(f"{name}.txt"):
        versions.setdefault(canonicalize_name(package), []).append(version)
    for requirement in chosen(f"{name}.in"):
        found = versions.get(canonicalize_name(requirement.name))
        assert found, f"{requirement} is not in {name}.txt: make lock"
        assert all(requirement.specifier.contains(version) for version in found)


@pytest.mark.parametrize("name", ["requirements", "requirements-site"])
def test_a_lock_has_hashes_and_names_no_machine(name):
    assert [pin for pin, hashes in locked(f"{name}.txt").items() if not hashes] == []
    assert read(f"{name}.txt").splitlines()[1] == "#    make lock"


def test_the_lock_of_the_site_is_a_part_of_the_whole_without_pytorch():
    whole, site = locked("requirements.txt"), locked("requirements-site.txt")
    for pin, hashes in site.items():
        assert hashes <= whole.get(pin, set()), f"{pin}: make lock"
    heavy = re.compile("torch|nvidia|triton|cuda|jupyterlab$")
    assert [name for name, _ in site if heavy.match(name)] == []


def test_what_cpu_leaves_out_is_pytorch_and_what_only_linux_needs():
    pattern = re.search(r"keep = !/(\^.*)/ }", read("Makefile"))[1]
    left_out = [
        line
        for line in read("requirements.txt").splitlines()
        if re.match(pattern, line)
    ]
    own = [line for line in left_out if re.match(r"torch(vision)?==", line)]
    assert len(own) == 2
    assert all(
        "sys_platform == 'linux'" in line for line in left_out if line not in own
    )


def test_the_only_peer_is_d2l():
    (pin,) = locked("requirements-peers.txt")
    assert pin == ("d2l", "1.0.3")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_call_what_exists(path):
    jobs = yaml.safe_load(path.read_text("utf-8"))["jobs"]
    scripts = [
        step["run"] for job in jobs.values() for step in job["steps"] if "run" in step
    ]
    called = {
        target
        for script in scripts
        for target in re.findall(r"\bmake ([a-z-]+)", script)
    }
    assert called <= make_targets()
    for script in scripts:
        for tool in re.findall(r"-m tools\.(\w+)", script):
            assert (ROOT / f"tools/{tool}.py").exists(), script
    assert called or any(".ci/run" in script for script in scripts)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no make of its own")
def test_help_names_every_target():
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert set(re.findall(r"^make ([a-z-]+)", shown, re.MULTILINE)) == make_targets()


def test_citation_and_licences():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["license"] == ["MIT", "CC-BY-4.0"]
    licence = read("LICENSE")
    assert "MIT License" in licence
    assert "https://creativecommons.org/licenses/by/4.0/" in licence


@pytest.mark.parametrize(
    "text",
    [f"https://{'.'.join(host)}/simple" for host in HOSTS]
    + ["/".join(["see ", "work", "main"]), "/".join(['"', "home", "me", 'a.py"'])],
)
def test_hosts_of_registries_and_paths_of_machines_are_found(text):
    assert forbidden(text)


def test_no_file_names_a_registry_or_a_machine():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    paths = [ROOT / name for name in listed.split("\0") if name]
    found = {
        str(path.relative_to(ROOT)): hits
        for path in paths
        if path.is_file()
        and (hits := forbidden(path.read_text("utf-8", errors="replace")))
    }
    assert found == {}
