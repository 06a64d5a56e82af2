"""Predict the faces of posted pictures over HTTP, several requests in one batch. Pictures are neither stored nor logged.

pip install 'fercli[serve]'; uvicorn server:app; curl --data-binary @photo.jpg http://127.0.0.1:8000/predict
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request

from fercli import Predictor

BATCH, LARGEST = 16, 20_000_000  # pictures of a batch, bytes of a picture


async def predict_batches(waiting: asyncio.Queue, predictor: Predictor) -> None:
    """Predict everything that has arrived while the previous batch was running."""
    while True:
        batch = [await waiting.get()]
        while len(batch) < BATCH and not waiting.empty():
            batch.append(waiting.get_nowait())
        pictures = [picture for picture, _ in batch]
        try:
            results = await asyncio.to_thread(lambda: list(predictor.images(pictures)))  # noqa: B023 - awaited here
        except Exception as error:  # noqa: BLE001 - the clients must not wait forever
            for _, answer in batch:
                if not answer.cancelled():
                    answer.set_exception(error)
            continue
        for (_, answer), result in zip(batch, results, strict=True):
            if not answer.cancelled():
                answer.set_result(result)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.waiting = asyncio.Queue(maxsize=8 * BATCH)
    task = asyncio.create_task(predict_batches(app.state.waiting, Predictor()))
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/predict")
async def predict(request: Request) -> list[dict]:
    """The body is a picture file; the answer has a row per face, as `fer predict --json`."""
    picture = bytearray()
    async for part in request.stream():
        picture += part
        if len(picture) > LARGEST:
            raise HTTPException(413, f"more than {LARGEST} bytes")
    answer = asyncio.get_running_loop().create_future()
    await app.state.waiting.put((bytes(picture), answer))
    result = await answer
    if result.fault is not None:
        raise HTTPException(422, result.fault)
    return [face.to_dict() | {"source": "request"} for face in result.faces]
