-- Replays request bodies from a file, one after the other, and keeps every answer for verification.
local bodies, next_body, answers, failures = {}, 0, nil, 0

function init(args)
   for line in io.lines(args[1]) do bodies[#bodies + 1] = line end
   answers = io.open(args[2], "w")
   token = args[3]
   uses = tonumber(args[4])
end

function request()
   local body = bodies[math.floor(next_body / uses) % #bodies + 1]
   next_body = next_body + 1
   return wrk.format("POST", nil, { ["Content-Type"] = "application/json", ["Authorization"] = token }, body)
end

function response(status, headers, body)
   answers:write(status, " ", body, "\n")
end

function done(summary, latency, requests)
   io.write(string.format('{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "socket_errors": %d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
