-- p, lock's token, bytes beside a row, how many records, then per record: id, chain, sequence, kind, alias, fold;
-- then per prune point: 'add' or 'drop', chain, its last sequence, its bytes.
-- Nothing is done unless the lock is still ours and everything is as it was when the prune points were signed.
local overhead, count = tonumber(ARGV[3]), tonumber(ARGV[4])
if redis.call('GET', p .. ':lock') ~= ARGV[2] then
  return redis.error_reply('CHANGED another replica prunes')
end
local points = 5 + 6 * count
for i = 5, points - 1, 6 do
  local place = redis.call('ZSCORE', p .. ':c:' .. ARGV[i + 1], ARGV[i])
  if not place or tonumber(place) ~= tonumber(ARGV[i + 2])
    or redis.call('EXISTS', p .. ':r:' .. ARGV[i]) == 0 then
    return redis.error_reply('CHANGED record ' .. ARGV[i] .. ' is not where it was')
  end
  redis.call('HLEN', p .. ':a:' .. ARGV[i + 5])
end
for i = points, #ARGV, 4 do
  local there = redis.call('ZSCORE', p .. ':p:' .. ARGV[i + 1], ARGV[i + 3])
  if ARGV[i] == 'drop' and not there then
    return redis.error_reply('CHANGED a prune point is not where it was')
  end
end
if not counts_are_sound() then
  return redis.error_reply('DAMAGED the counts are no numbers')
end

local bytes, incomplete = 0, 0
for i = 5, points - 1, 6 do
  local id, chain, _, kind, alias, fold = unpack(ARGV, i, i + 5)
  local size = redis.call('STRLEN', p .. ':r:' .. id) + 2 * #alias + overhead
  bytes = bytes + size
  if kind == 'i' then incomplete = incomplete + size end
  -- A deletion first: where memory is full, a script may only go on writing once it has begun.
  redis.call('DEL', p .. ':r:' .. id)
  redis.call('ZREM', p .. ':c:' .. chain, id)
  redis.call('ZREM', p .. ':o:' .. kind, id)
  if alias ~= '' and redis.call('HGET', p .. ':a:' .. fold, alias) == id then
    redis.call('HDEL', p .. ':a:' .. fold, alias)
  end
end
for i = points, #ARGV, 4 do
  local what, chain, last, point = unpack(ARGV, i, i + 3)
  if what == 'add' then
    redis.call('ZADD', p .. ':p:' .. chain, last, point)
  else
    redis.call('ZREM', p .. ':p:' .. chain, point)
  end
end
redis.call('HINCRBY', p .. ':n', 'receipts', 0 - count)
redis.call('HINCRBY', p .. ':n', 'bytes', 0 - bytes)
redis.call('HINCRBY', p .. ':n', 'incomplete', 0 - incomplete)
return held()
