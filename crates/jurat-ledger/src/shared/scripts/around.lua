-- p, chain, sequences of records that are to go. Answers with the chain's last sequence, when it was last heard of,
-- and the prune points that may touch one of these.
local chain = ARGV[2]
local last = redis.call('ZRANGE', p .. ':c:' .. chain, -1, -1, 'WITHSCORES')[2] or ''
local points, known = {}, {}
local function add(found)
  for _, point in ipairs(found) do
    if not known[point] then
      known[point] = true
      points[#points + 1] = point
    end
  end
end
local key = p .. ':p:' .. chain
if redis.call('EXISTS', key) == 1 then
  for i = 3, #ARGV do
    local sequence = tonumber(ARGV[i])
    local left = string.format('%.0f', sequence - 1)
    add(redis.call('ZRANGEBYSCORE', key, left, left))
    add(redis.call('ZRANGEBYSCORE', key, '(' .. ARGV[i], '+inf', 'LIMIT', 0, 1))
  end
end
return {last, redis.call('ZSCORE', p .. ':seen', chain) or '', points}
