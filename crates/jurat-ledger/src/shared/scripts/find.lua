-- p, engine id, the same folded. Answers with the engine id that was matched, its bearer's id and row.
local bearers = p .. ':a:' .. ARGV[3]
local alias, id = ARGV[2], redis.call('HGET', bearers, ARGV[2])
if not id then
  if redis.call('HLEN', bearers) ~= 1 then return false end
  local only = redis.call('HGETALL', bearers)
  alias, id = only[1], only[2]
end
return {alias, id, redis.call('GET', p .. ':r:' .. id)}
