-- Sessions that span several groups of files, joined by their id.
select date, sensor, session_id, parts
from sessions
where parts > 1
order by date nulls last, sensor nulls last, session_id nulls last
