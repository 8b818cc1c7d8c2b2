-- In how many of the sessions that call a tool it failed. What the captures may lack has not failed.
select sensor, server, method, name,
    count(distinct session_key) as sessions,
    count(distinct case when status in ('tool_error', 'error', 'http_error', 'unanswered') then session_key end) as failing
from exchanges
where method = 'tools/call' and coalesce(view, 'front') <> 'back'
group by sensor, server, method, name
having count(distinct case when status in ('tool_error', 'error', 'http_error', 'unanswered') then session_key end) > 0
order by failing desc nulls last, sensor nulls last, server nulls last, name nulls last
