-- Load for wrk: `wrk … -s load.lua URL -- OPERATION KEYS`, OPERATION one of put, get, qget.
-- All requests are made before the first is sent, so that the generator takes little from the server's processors.

local VALUE_BYTES = 256
local requests = {}
local count = 0
local at = 0

function init(args)
  local operation = args[1]
  count = tonumber(args[2])
  local method, suffix, headers, body = "GET", "", nil, nil
  if operation == "put" then
    method = "PUT"
    headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
    body = "value=" .. string.rep("x", VALUE_BYTES)
  elseif operation == "qget" then
    suffix = "?quorum=true"
  elseif operation ~= "get" then
    error("no such operation: " .. tostring(operation))
  end
  for number = 0, count - 1 do
    requests[number] = wrk.format(method, "/v2/keys/bench/k" .. number .. suffix, headers, body)
  end
end

function request()
  local made = requests[at]
  at = at + 1
  if at == count then at = 0 end
  return made
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "load requests=%d duration_us=%d p50_us=%d p99_us=%d max_us=%d status=%d connect=%d read=%d write=%d timeout=%d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    errors.status, errors.connect, errors.read, errors.write, errors.timeout))
end
