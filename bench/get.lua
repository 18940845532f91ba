-- SPDX-License-Identifier: Apache-2.0
-- wrk script: GET a path chosen at random out of a file; report the figures as one line of key=value. A line of the file
-- is a path, or a path, a tab and what the Authorization header says.
-- Arguments: the file of paths, a seed, the milliseconds a connection waits before each request (0: none).

local started = 0

function setup(thread)
  thread:set("number", started)
  started = started + 1
end

function init(args)
  requests = {}
  for line in io.lines(args[1]) do
    local path, authorization = line:match("^([^\t]*)\t?(.*)$")
    local headers = { Accept = "application/vnd.oci.image.manifest.v1+json" }
    if authorization ~= "" then headers.Authorization = authorization end
    requests[#requests + 1] = wrk.format("GET", path, headers)
  end
  math.randomseed(tonumber(args[2]) + number)
  pause = tonumber(args[3])
  if pause > 0 then
    -- Each wait is drawn anew around the mean, so that the connections do not march in step.
    delay = function() return math.random(0, 2 * pause) end
  end
end

function request()
  return requests[math.random(#requests)]
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    "figures requests=%d duration_us=%d bytes=%d p50_us=%d p99_us=%d max_us=%d socket_errors=%d status_errors=%d\n",
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99), latency.max,
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
