-- p, claims hash, signer, chain, time, row, the chain that this one follows in the same process or ''.
-- An older one is put aside, never a newer one.
local key = p .. ':t:' .. ARGV[2]
local made = redis.call('HGET', key, 'made')
local row = ARGV[6]
if made and tonumber(made) > tonumber(ARGV[5]) then
  row = redis.call('HGET', key, 'row')
else
  made = ARGV[5]
end
redis.call('HSET', key, 'row', row, 'made', made, 'signer', ARGV[3])
redis.call('ZADD', p .. ':s:' .. ARGV[3], made, ARGV[2])
redis.call('SADD', p .. ':k:' .. ARGV[4], ARGV[2])
redis.call('ZADD', p .. ':seen', 'GT', ARGV[5], ARGV[4])
-- Nothing more will be appended to it: it may be forgotten with its last record.
if ARGV[7] ~= '' then redis.call('ZADD', p .. ':seen', 'XX', -1, ARGV[7]) end
return 1
