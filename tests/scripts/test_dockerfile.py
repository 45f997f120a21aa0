"""What the Dockerfile says agrees with the project, and Apptainer's image with Docker's; no engine is needed."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
LABEL = "org.opencontainers.image."
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def instructions(name):
    """What stands behind an instruction of the Dockerfile, its lines joined."""
    lines = DOCKERFILE.replace("\\\n", " ").splitlines()
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{name} ")]


def test_labels_say_what_the_project_says():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (text,) = instructions("LABEL")
    labels = dict(part.split("=", 1) for part in text.replace(f" {LABEL}", f"\n{LABEL}").strip().splitlines())
    said = {name.removeprefix(LABEL).strip(): value.strip().strip('"') for name, value in labels.items()}
    assert said["version"] == project["version"]
    assert said["description"] == project["description"]
    assert said["licenses"] == project["license"]
    assert said["authors"] == project["authors"][0]["name"]
    base = next(text for text in instructions("ARG") if text.startswith("BASE_IMAGE="))
    assert said["base.name"] == f"docker.io/library/{base.partition('=')[2]}"


def test_what_is_copied_is_let_in():
    """Everything but what .dockerignore lets in is out of reach of a build."""
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {word for text in instructions("COPY") if "--from" not in text for word in text.split()[:-1]}
    assert copied <= let_in
    assert let_in <= copied


def test_apptainers_image_is_the_docker_one():
    """So that they never differ: no step of its own but a test."""
    definition = (ROOT / "contrib/concord.def").read_text()
    assert "\nBootstrap: {{ BOOTSTRAP }}\nFrom: {{ FROM }}\n" in definition
    assert "\n%arguments\n    BOOTSTRAP=docker-daemon\n    FROM=bids-concord:latest\n" in definition
    assert {line for line in definition.splitlines() if line.startswith("%")} == {"%arguments", "%help", "%test"}
    assert "docker build -t bids-concord ." in (ROOT / "README.md").read_text()
