-- p, 'claims' or 'signer', key.
local claims = ARGV[3]
if ARGV[2] == 'signer' then
  claims = redis.call('ZREVRANGE', p .. ':s:' .. ARGV[3], 0, 0)[1]
end
return claims and redis.call('HGET', p .. ':t:' .. claims, 'row')
