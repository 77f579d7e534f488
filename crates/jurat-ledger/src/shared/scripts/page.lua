-- p, chain, sequence behind which to begin, how many. One glance, so that no retention shows half-done.
local chain, behind, most = ARGV[2], '(' .. ARGV[3], ARGV[4]
local places = redis.call('ZRANGEBYSCORE', p .. ':c:' .. chain, behind, '+inf', 'WITHSCORES', 'LIMIT', 0, most)
local records = {}
for i = 1, #places, 2 do
  records[#records + 1] = {places[i], places[i + 1], redis.call('GET', p .. ':r:' .. places[i])}
end
local holes = redis.call('ZRANGEBYSCORE', p .. ':p:' .. chain, behind, '+inf', 'LIMIT', 0, most)
return {records, holes, redis.call('HGET', p .. ':h:' .. chain, 'row')}
