"""The teaching service's `/random` as a FastAPI user would write and instrument it."""

import random

from fastapi import FastAPI
from prometheus_fastapi_instrumentator import Instrumentator

app = FastAPI()
Instrumentator().instrument(app).expose(app)


@app.get("/random")
async def draw() -> dict[str, float]:
    return {"random": random.uniform(0, 100)}
