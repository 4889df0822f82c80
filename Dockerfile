# Two images from one file: `web` (pages, sockets; no torch) and `worker` (the engine). They run the commands that
# `manage.py up` runs on a laptop: `manage.py run ROLE`.

FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --create-home --uid 10001 parley && install -d -o parley -g parley -m 700 /data
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH DATA_DIR=/data XDG_CACHE_HOME=/data/cache HOST=0.0.0.0 PORT=8000

FROM base AS web-packages
COPY webui/requirements.txt webui-requirements.txt
COPY requirements.txt constraints.txt
RUN python -m venv /opt/venv && pip install -r webui-requirements.txt -c constraints.txt

FROM web-packages AS worker-packages
COPY inference/requirements.txt inference-requirements.txt
RUN pip install -r inference-requirements.txt -c constraints.txt

FROM base AS web
COPY --from=web-packages /opt/venv /opt/venv
COPY . .
USER parley
VOLUME /data
EXPOSE 8000
CMD ["python", "manage.py", "run", "web"]

FROM base AS worker
# The kernel for CPUs is compiled for the machine that the container runs on, and kept in the volume.
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
COPY --from=worker-packages /opt/venv /opt/venv
COPY . .
USER parley
VOLUME /data
CMD ["python", "manage.py", "run", "worker-interactive"]
