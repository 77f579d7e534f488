-- p, token, milliseconds, our chain or '', now. Takes the lock if nobody has it, and says that our chain lives.
-- A deletion first: where memory is full, a script may only write once it has begun, and retention is what helps.
redis.call('DEL', p .. ':nothing')
if not redis.call('SET', p .. ':lock', ARGV[2], 'NX', 'PX', ARGV[3]) then return 0 end
if ARGV[4] ~= '' then
  redis.call('ZADD', p .. ':seen', 'XX', 'GT', ARGV[5], ARGV[4])
end
return 1
