-- p. Per chain: its name, the sequences of its oldest and newest record, the newest one's row.
local chains = {}
for _, chain in ipairs(redis.call('ZRANGE', p .. ':seen', 0, -1)) do
  local first = redis.call('ZRANGE', p .. ':c:' .. chain, 0, 0, 'WITHSCORES')
  local last = redis.call('ZRANGE', p .. ':c:' .. chain, -1, -1, 'WITHSCORES')
  if first[1] and last[1] then
    chains[#chains + 1] = {chain, first[2], last[2], redis.call('GET', p .. ':r:' .. last[1])}
  end
end
return chains
