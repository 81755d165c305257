// The teaching service's `/random` as an Express user would write and instrument it, after
// the example of prom-client's README: a histogram by method, route and status.
"use strict";

const express = require("express");
const client = require("prom-client");

client.collectDefaultMetrics();
const duration = new client.Histogram({
  name: "http_request_duration_seconds",
  help: "Duration of HTTP requests in seconds.",
  labelNames: ["method", "route", "status"],
});

const app = express();
app.use((request, response, next) => {
  const end = duration.startTimer();
  response.on("finish", () => {
    const route = request.route ? request.route.path : "unmatched";
    end({ method: request.method, route, status: response.statusCode });
  });
  next();
});
app.get("/random", (request, response) => {
  response.json({ random: Math.random() * 100 });
});
app.get("/metrics", async (request, response) => {
  response.type(client.register.contentType).send(await client.register.metrics());
});

const server = app.listen(0, "127.0.0.1", () => {
  console.log(`127.0.0.1:${server.address().port}`);
});
