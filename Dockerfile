# Loupe on the CPU. With a GPU: docs/operations.md, "With a GPU".
#
#   docker build -t loupe .
#   docker run --init -p 127.0.0.1:50051:50051 -p 127.0.0.1:8080:8080 -v loupe-data:/data -v ./loupe.yaml:/app/loupe.yaml:ro loupe
#
# The configuration inside a container listens on 0.0.0.0, so it needs auth.tokens, and TLS or trusted_network.

FROM node:24-bookworm-slim AS build
WORKDIR /app
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 make g++ \
 && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev

FROM node:24-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production LOUPE_STORE__PATH=/data
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY bin ./bin
COPY proto ./proto
COPY models ./models
RUN install -d -o node -g node /data
USER node
VOLUME /data
EXPOSE 50051 1883 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "bin/loupe.js", "serve"]
