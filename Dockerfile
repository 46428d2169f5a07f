# The web page and the REST service:
#   docker build -t digitseq . && docker run -p 8000:8000 -e DIGITSEQ_API_KEY=... digitseq
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY digitseq digitseq
# opencv-python needs libraries of a desktop, which a slim image lacks
RUN sed -i 's/"opencv-python>/"opencv-python-headless>/' pyproject.toml
RUN python -m venv /opt/digitseq && /opt/digitseq/bin/pip install --no-cache-dir ".[service,download]"

FROM python:3.12-slim
COPY --from=build /opt/digitseq /opt/digitseq
ENV PATH=/opt/digitseq/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DIGITSEQ_CACHE=/var/cache/digitseq
# for whichever user the container runs as
RUN mkdir -m 1777 /var/cache/digitseq
USER 1000
EXPOSE 8000
HEALTHCHECK --start-period=30s --interval=30s --timeout=5s CMD ["python", "-c", "from urllib.request import ProxyHandler, build_opener; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["python", "-m", "digitseq.service", "--host", "0.0.0.0"]
