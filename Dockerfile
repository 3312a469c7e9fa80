# Two images from one file. Neither was tuned for a plant: deploy/compose.yaml and docs/operations.md say how they are run.
#
#   docker build -t loupe .                              the CPU image (the last stage, the default)
#   docker build -t loupe:cuda --target cuda .           for an NVIDIA GPU, driver 580 or newer
#
# Both run as user 10001 with a root file system that is read only; they write to /data and /tmp alone.
# No address of another machine is listened on without a configuration that has credentials: mount one at /etc/loupe/loupe.yaml.

FROM node:24-bookworm-slim AS build
WORKDIR /loupe
COPY package.json package-lock.json .npmrc ./
# No package needs its install script on this Node; the SQLite of Node 20 would be compiled.
RUN npm ci --no-audit --no-fund --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
# The SBOM names what the image holds; onnxruntime-node brings the libraries of five platforms, 270 MB of them for others.
RUN npm run build \
 && npm prune --omit=dev --no-audit --no-fund \
 && npm run --silent sbom > sbom.cdx.json \
 && rm -r node_modules/better-sqlite3-node20 \
 && find node_modules/onnxruntime-node/bin/napi-v6 -mindepth 2 -maxdepth 2 ! -path "*/linux/$(node -p process.arch)" -exec rm -r {} +

# onnxruntime's CUDA provider, fetched by onnxruntime-node's own script. Where that cannot be reached, from a folder of the three
# files: docker build --build-context cuda-provider=FOLDER --target cuda .
FROM build AS cuda-fetch
RUN npm run install:cuda
FROM scratch AS cuda-provider
COPY --from=cuda-fetch /loupe/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_*.so /

# What both images hold of Loupe: with the licence files of every package in it.
FROM scratch AS app
COPY --from=build /loupe/package.json /loupe/sbom.cdx.json /app/
COPY --from=build /loupe/node_modules /app/node_modules
COPY --from=build /loupe/dist /app/dist
COPY LICENSE CHANGELOG.md /app/
COPY bin /app/bin
COPY proto /app/proto

FROM nvidia/cuda:13.1.1-cudnn-runtime-ubuntu24.04 AS cuda
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /usr/local/LICENSE /usr/local/share/doc/node/LICENSE
RUN useradd --system --uid 10001 --no-create-home loupe \
 && install -d -o loupe -g loupe /data
COPY --from=app /app /app
COPY --from=cuda-provider / /app/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/
# Its own, so that a volume laid over it can take new packages.
COPY --chown=loupe:loupe models /app/models
WORKDIR /app
ENV NODE_ENV=production LOUPE_STORE__PATH=/data
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Loupe, CUDA" \
      org.opencontainers.image.description="Visual inspection at the edge of the line" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
USER 10001:10001
VOLUME /data
EXPOSE 50051 1883 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=180s CMD ["node", "bin/ready.js"]
ENTRYPOINT ["node", "bin/loupe.js"]
CMD ["serve", "--config", "/etc/loupe/loupe.yaml"]

FROM node:24-bookworm-slim AS cpu
RUN useradd --system --uid 10001 --no-create-home loupe \
 && install -d -o loupe -g loupe /data
COPY --from=app /app /app
COPY --chown=loupe:loupe models /app/models
WORKDIR /app
ENV NODE_ENV=production LOUPE_STORE__PATH=/data
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Loupe" \
      org.opencontainers.image.description="Visual inspection at the edge of the line" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
USER 10001:10001
VOLUME /data
EXPOSE 50051 1883 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["node", "bin/ready.js"]
ENTRYPOINT ["node", "bin/loupe.js"]
CMD ["serve", "--config", "/etc/loupe/loupe.yaml"]
