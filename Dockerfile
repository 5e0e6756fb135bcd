# The operator and the command line tool, static, in an image with nothing else in it.
#
#   docker build -t REGISTRY/llmisvc-operator:0.1.0 .
#
# The version of Rust is that of rust-toolchain.toml.
FROM docker.io/library/rust:1.95.0-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends musl-tools
RUN rustup target add "$(uname -m)-unknown-linux-musl"
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --target "$(uname -m)-unknown-linux-musl" -p llmisvc-operator -p llmisvc-cli \
    && install -D --target-directory /out "target/$(uname -m)-unknown-linux-musl/release/llmisvc-operator" \
        "target/$(uname -m)-unknown-linux-musl/release/llmisvc"

FROM scratch
LABEL org.opencontainers.image.title="llmisvc-operator" \
      org.opencontainers.image.description="Operator for KServe's LLMInferenceService" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/llmisvc/llmisvc"
COPY --from=build /out/ /usr/bin/
COPY LICENSE /LICENSE
USER 65532:65532
ENTRYPOINT ["/usr/bin/llmisvc-operator"]
