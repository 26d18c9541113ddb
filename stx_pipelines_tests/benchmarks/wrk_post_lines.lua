-- Posts the lines of a file, one after another and again from the start; prints requests, microseconds and errors.
local posts = {}
local sent = 0

function init(arguments)
  local headers = { ["content-type"] = "application/json" }
  for line in io.lines(arguments[1]) do
    posts[#posts + 1] = wrk.format("POST", "/", headers, line)
  end
end

function request()
  sent = sent % #posts + 1
  return posts[sent]
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format("%d %d %d", summary.requests, summary.duration, failed))
end
