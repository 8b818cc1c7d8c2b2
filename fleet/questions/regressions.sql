-- Methods and tools whose 95th percentile rose by a quarter or more from one week to the next.
with weeks as (
    select cast(date_trunc('week', date) as date) as week, sensor, server, method, name, count(*) as calls,
        percentile_cont(0.95) within group (order by total_ns) / 1e6 as p95_ms
    from exchanges
    where status in ('ok', 'tool_error', 'error') and coalesce(view, 'front') <> 'back'
        and degraded not like '%time_back%'
    group by cast(date_trunc('week', date) as date), sensor, server, method, name
), pairs as (
    select *, lag(p95_ms) over (partition by sensor, server, method, name order by week) as before_ms,
        lag(calls) over (partition by sensor, server, method, name order by week) as before_calls,
        lag(week) over (partition by sensor, server, method, name order by week) as before_week
    from weeks
)
select week, sensor, server, method, name, before_calls, calls, before_ms, p95_ms
from pairs
where week = before_week + interval '7' day and calls >= 20 and before_calls >= 20
    and before_ms > 0 and p95_ms >= 1.25 * before_ms
order by p95_ms / before_ms desc nulls last, sensor nulls last, server nulls last, method nulls last, name nulls last
