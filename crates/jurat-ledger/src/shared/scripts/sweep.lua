-- p, lock's token, time since which a chain must not have been heard of, most to forget.
-- Of a chain without records whose process is gone, nothing is kept. Lets the lock go.
if redis.call('GET', p .. ':lock') ~= ARGV[2] then
  return redis.error_reply('CHANGED another replica prunes')
end
local forgotten = 0
for _, chain in ipairs(redis.call('ZRANGEBYSCORE', p .. ':seen', '-inf', '(' .. ARGV[3])) do
  if forgotten >= tonumber(ARGV[4]) then break end
  if redis.call('EXISTS', p .. ':c:' .. chain) == 0 then
    for _, claims in ipairs(redis.call('SMEMBERS', p .. ':k:' .. chain)) do
      local signer = redis.call('HGET', p .. ':t:' .. claims, 'signer')
      if signer then redis.call('ZREM', p .. ':s:' .. signer, claims) end
      redis.call('DEL', p .. ':t:' .. claims)
    end
    redis.call('DEL', p .. ':p:' .. chain, p .. ':h:' .. chain, p .. ':k:' .. chain)
    redis.call('ZREM', p .. ':seen', chain)
    forgotten = forgotten + 1
  end
end
redis.call('DEL', p .. ':lock')
return forgotten
