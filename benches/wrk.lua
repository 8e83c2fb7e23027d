-- The result as numbers: requests, microseconds, bytes, errors, and microseconds at p50 and p99.
function done(summary, latency)
    local errors = summary.errors
    print("result", summary.requests, summary.duration, summary.bytes,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50), latency:percentile(99))
end
