# A container for prediction. On CPUs, and on NVIDIA GPUs:
#   docker build -t fer .
#   docker build -t fer:cuda --build-arg EXTRAS=gpu .
# The current folder is /data in the container; results belong to the user who starts it:
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" fer predict photo.jpg --out results
#   docker run --rm --gpus all --user "$(id -u):$(id -g)" -v "$PWD:/data" fer:cuda predict clip.mp4 --out results

FROM python:3.13-slim-bookworm AS build
COPY pyproject.toml README.md LICENSE /src/
COPY fercli /src/fercli
COPY weights /src/weights
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /src

FROM python:3.13-slim-bookworm
ARG EXTRAS=""
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
COPY constraints.txt /tmp/constraints.txt
COPY --from=build /wheels /tmp/wheels
# without extras the CPU build of ONNX Runtime replaces the GPU build, which is 270 MB larger
RUN wheel=$(ls /tmp/wheels/fercli-*.whl) \
    && pip install --no-cache-dir --constraint /tmp/constraints.txt "$wheel${EXTRAS:+[$EXTRAS]}" \
    && if [ -z "$EXTRAS" ]; then \
         version=$(pip list --format=freeze | sed -n 's/^onnxruntime-gpu==//p') \
         && if [ -n "$version" ]; then \
              pip uninstall --yes onnxruntime-gpu && pip install --no-cache-dir "onnxruntime==$version"; \
            fi; \
       fi
ENV FER_CACHE=/tmp/fer NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
WORKDIR /data
USER nobody
ENTRYPOINT ["fer"]
CMD ["--help"]
