-- p, chain, sequence, time, row. An older one is put aside, never a newer one.
local key = p .. ':h:' .. ARGV[2]
local sequence, row = redis.call('HGET', key, 'sequence'), ARGV[5]
if sequence and tonumber(sequence) > tonumber(ARGV[3]) then
  row = redis.call('HGET', key, 'row')
else
  sequence = ARGV[3]
end
redis.call('HSET', key, 'sequence', sequence, 'row', row)
redis.call('ZADD', p .. ':seen', 'GT', ARGV[4], ARGV[2])
return 1
