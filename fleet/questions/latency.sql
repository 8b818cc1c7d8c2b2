-- Latency by day, method and tool.
select date, sensor, server, method, name, count(*) as calls,
    percentile_cont(0.5) within group (order by total_ns) / 1e6 as p50_ms,
    percentile_cont(0.95) within group (order by total_ns) / 1e6 as p95_ms,
    max(total_ns) / 1e6 as max_ms
from exchanges
where status in ('ok', 'tool_error', 'error') and coalesce(view, 'front') <> 'back'
    and degraded not like '%time_back%'
group by date, sensor, server, method, name
order by date nulls last, p95_ms desc nulls last, sensor nulls last, server nulls last, method nulls last, name nulls last
