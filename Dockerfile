# Concord as a BIDS App: docker run -v … bids-concord /data /out participant
# Runs as any user, without $HOME, on a read-only root, without a network.
#   docker build -t bids-concord .                               for processors
#   docker build -t bids-concord:cuda --build-arg DEVICE=cuda .  for GPUs of NVIDIA as well
# Versions and hashes are those of lock/ (scripts/lock).
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
ENV PATH=/opt/concord/bin:$PATH \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_COMPILE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY lock lock
RUN python3 -m venv /opt/concord \
 && pip install --require-hashes --no-deps -r lock/build.txt \
 && pip install --require-hashes --no-deps --no-build-isolation --use-pep517 -r lock/base.txt
# torch: with CUDA from PyPI, its files by their hashes; without from PyTorch's own index, by its version.
ARG DEVICE=cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY constraints.txt .
RUN case "$DEVICE" in \
      cuda) pip install --require-hashes --no-deps -r lock/cuda.txt ;; \
      cpu) pip install --no-deps --constraint constraints.txt --extra-index-url "$TORCH_INDEX" torch ;; \
      *) echo "DEVICE is cpu or cuda, not $DEVICE" >&2; exit 64 ;; \
    esac
COPY pyproject.toml README.md LICENSE ./
COPY bids_app bids_app
# Left out: tests of packages, bytecode (a start takes 1.4 s more), headers and test programs of torch. All may be read by anybody.
RUN pip install --no-deps --no-build-isolation . \
 && pip check \
 && find /opt/concord/lib -depth -type d \( -name tests -o -name __pycache__ \) -exec rm -r {} + \
 && find /opt/concord/lib -name '*.a' -delete \
 && cd /opt/concord/lib/python*/site-packages/torch \
 && rm -rf include test \
 && find bin -type f ! -name torch_shm_manager -delete \
 && chmod -R a+rX /opt/concord

FROM ${BASE_IMAGE}
ARG DEVICE=cpu
LABEL org.opencontainers.image.title="Concord" \
      org.opencontainers.image.description="A BIDS App: what speech and language models share, and what is theirs alone, in predicting the brain." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.authors="The Concord developers" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11-slim-bookworm"
COPY --from=build /opt/concord /opt/concord
# Caches of libraries go to /tmp: there may be no $HOME, and the root may be read-only.
ENV PATH=/opt/concord/bin:$PATH \
    HOME=/tmp \
    TORCHINDUCTOR_CACHE_DIR=/tmp/torch \
    HF_HOME=/tmp/huggingface \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# Smoke: a user of no name runs both commands and imports what they stand on; the kind of torch is the one asked for.
USER 12345:12345
RUN concord --version && concord-tools presets >/dev/null \
 && python -c "import mne, nilearn.maskers, pymef, pynwb, torch, transformers; import bids_app.pipeline.run; \
assert (torch.version.cuda is not None) == ('$DEVICE' == 'cuda'), torch.__version__"
USER 0:0
ENTRYPOINT ["concord"]
