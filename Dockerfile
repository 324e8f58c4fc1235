# The server in a small image, for an ordinary user of it: docker build -t parley . (docs/runbook.md says how to run it)

FROM node:22-bookworm-slim AS build
WORKDIR /app
# First what the packages need, so that a change of the source installs nothing anew.
COPY package.json package-lock.json ./
COPY packages/client/package.json packages/client/
COPY packages/protocol/package.json packages/protocol/
COPY packages/server/package.json packages/server/
COPY packages/web/package.json packages/web/
RUN npm ci --omit=dev --no-audit --no-fund
# Says where the packages find each other, to the builder of the page too.
COPY tsconfig.json ./
COPY packages packages

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin parley && install -d -o parley -m 700 /data
COPY --from=build /app /app
WORKDIR /app
USER 10001
ENV DATA_DIR=/data PORT=8080
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["node_modules/bun/bin/bun.exe", "packages/server/bin/healthy.ts"]
ENTRYPOINT ["node_modules/bun/bin/bun.exe", "packages/server/src/main.ts"]
CMD ["serve"]
