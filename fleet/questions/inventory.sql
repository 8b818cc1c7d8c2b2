-- Servers and clients: what they call themselves, which revision they speak, when they were seen.
select server, server_name, server_version, client_name, client_version, protocol_version, transport,
    count(*) as sessions, min(date) as first_day, max(date) as last_day
from sessions
group by server, server_name, server_version, client_name, client_version, protocol_version, transport
order by server nulls last, server_name nulls last, server_version nulls last, client_name nulls last,
    client_version nulls last, protocol_version nulls last, transport nulls last
