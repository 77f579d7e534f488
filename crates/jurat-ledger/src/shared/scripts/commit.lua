-- p, aliases per fold, bytes beside a row, 'touch' or '', then per record:
--   id, chain, sequence, time, kind, alias, fold, row
-- Looks at everything before it writes anything: a script that fails half-way is not undone.
local folds, overhead, touch = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local fresh = {}
for i = 5, #ARGV, 8 do
  local id, chain, sequence, row = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 7]
  local kept = redis.call('GET', p .. ':r:' .. id)
  local there = redis.call('ZRANGEBYSCORE', p .. ':c:' .. chain, sequence, sequence)
  if kept and kept ~= row then
    return redis.error_reply('DAMAGED another record is kept under ' .. id)
  end
  for _, other in ipairs(there) do
    if other ~= id then
      return redis.error_reply('DAMAGED place ' .. sequence .. ' of chain ' .. chain .. ' is taken by ' .. other)
    end
  end
  if kept and not there[1] then
    return redis.error_reply('DAMAGED record ' .. id .. ' has lost its place')
  end
  if there[1] and not kept then
    return redis.error_reply('DAMAGED record ' .. id .. ' is missing at its place')
  end
  if not kept then
    local hole = redis.call('ZRANGEBYSCORE', p .. ':p:' .. chain, sequence, '+inf', 'LIMIT', 0, 1)[1]
    local given_up = hole and tonumber(string.sub(hole, 1, 20)) <= tonumber(sequence)
    if not given_up then fresh[#fresh + 1] = i end
    -- Keys of a wrong type show here.
    redis.call('HLEN', p .. ':a:' .. ARGV[i + 6])
  end
end
if not counts_are_sound() then
  return redis.error_reply('DAMAGED the counts are no numbers')
end
redis.call('ZCARD', p .. ':seen')

local count, bytes, incomplete = 0, 0, 0
for _, i in ipairs(fresh) do
  local id, chain, sequence, at, kind, alias, fold, row = unpack(ARGV, i, i + 7)
  redis.call('SET', p .. ':r:' .. id, row)
  redis.call('ZADD', p .. ':c:' .. chain, sequence, id)
  redis.call('ZADD', p .. ':o:' .. kind, at, id)
  redis.call('ZADD', p .. ':seen', 'GT', at, chain)
  if alias ~= '' and redis.call('HLEN', p .. ':a:' .. fold) < folds then
    redis.call('HSETNX', p .. ':a:' .. fold, alias, id)
  end
  local size = #row + 2 * #alias + overhead
  count, bytes = count + 1, bytes + size
  if kind == 'i' then incomplete = incomplete + size end
end
if count > 0 then
  redis.call('HINCRBY', p .. ':n', 'receipts', count)
  redis.call('HINCRBY', p .. ':n', 'bytes', bytes)
  redis.call('HINCRBY', p .. ':n', 'incomplete', incomplete)
elseif touch == 'touch' then
  -- WAIT counts who has this connection's last write: a batch that was there already needs one.
  redis.call('HINCRBY', p .. ':n', 'receipts', 0)
end
return held()
