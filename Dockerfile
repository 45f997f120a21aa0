# Concord as a BIDS App: docker run -v … bids-concord /data /out participant
# Runs as any user, without $HOME, on a read-only root, without a network.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN python3 -m venv /opt/concord \
 && mkdir bids_app && touch bids_app/__init__.py \
 && /opt/concord/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt . \
 && /opt/concord/bin/pip uninstall --yes --quiet bids-concord \
 && rm -rf build bids_app bids_concord.egg-info
COPY bids_app bids_app
RUN /opt/concord/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps .

FROM ${BASE_IMAGE}
COPY --from=build /opt/concord /opt/concord
# Caches of libraries go to /tmp: there may be no $HOME, and the root may be read-only.
ENV PATH=/opt/concord/bin:$PATH \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    TORCHINDUCTOR_CACHE_DIR=/tmp/torch \
    HF_HOME=/tmp/huggingface \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
ENTRYPOINT ["concord"]
