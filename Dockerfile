# Two images from one file: `api` (no torch) and `worker`.
FROM python:3.12-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
RUN useradd --system --uid 10001 --home-dir /app synthcxr \
    && install --directory --mode 0700 --owner synthcxr /data
# the server's packages run from here: the installation is editable (docs/adr/0025)
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY service service
COPY models models
COPY radiographs radiographs
COPY release release
COPY workers workers
COPY synthcxr synthcxr
# its root is read-only: what libraries keep at home goes to /tmp
ENV SYNTHCXR_DATA_DIR=/data HOME=/tmp
VOLUME /data

FROM base AS api
RUN pip install -c constraints.txt -e '.[api,otel]'
USER synthcxr
EXPOSE 8765
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["synthcxr", "version", "--url", "http://127.0.0.1:8765"]
ENTRYPOINT ["synthcxr"]
CMD ["api", "--host", "0.0.0.0"]

FROM base AS worker
RUN pip install -c constraints.txt -e '.[api,worker,otel]'
USER synthcxr
ENTRYPOINT ["synthcxr"]
CMD ["worker"]
