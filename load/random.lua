-- For wrk: GET /random, and at the end the number of answers by status.
--
--   docker compose run --rm load wrk -t2 -c50 -d10s -s random.lua http://balancer:8000
--
-- Compare them with http_requests_total{route="/random"} over the same time.

wrk.path = "/random"

-- Each thread counts in its own Lua state; done() runs in another one and reads them.
local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   answers = {}
end

function response(status, headers, body)
   answers[status] = (answers[status] or 0) + 1
end

function done(summary, latency, requests)
   local total = {}
   for _, thread in ipairs(threads) do
      for status, count in pairs(thread:get("answers")) do
         total[status] = (total[status] or 0) + count
      end
   end
   local statuses = {}
   for status in pairs(total) do
      table.insert(statuses, status)
   end
   table.sort(statuses)
   print("Answers by status:")
   for _, status in ipairs(statuses) do
      print(string.format("  [%d] %d", status, total[status]))
   end
   print("Latency:")
   for _, percent in ipairs({ 50, 90, 99, 99.9 }) do
      print(string.format("  %5.1f%%  %8.1f ms", percent, latency:percentile(percent) / 1000))
   end
   local errors = summary.errors
   print(string.format(
      "No answer: connect %d, read %d, write %d, timeout %d",
      errors.connect, errors.read, errors.write, errors.timeout))
end
