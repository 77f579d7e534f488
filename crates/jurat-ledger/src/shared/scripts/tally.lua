-- Begins every script that answers with what is held. Keys, behind the prefix p:
--   p:r:<id>     a record's row
--   p:a:<fold>   hash: the engine ids that fold to this one, each with the id of its bearer
--   p:c:<chain>  sorted set: ids by sequence
--   p:p:<chain>  sorted set: prune points by the last sequence that they cover
--   p:h:<chain>  hash: the newest head
--   p:k:<chain>  set: claims hashes of the chain's reports
--   p:t:<claims> hash: a report
--   p:s:<signer> sorted set: claims hashes by when the report was made
--   p:o:c, p:o:i sorted sets: ids by the time their exchanges ended, of the complete and of the others
--   p:seen       sorted set: chains by when they were last heard of
--   p:n          hash: how much is held
--   p:lock       whoever prunes
local p = ARGV[1]

local function held()
  local n = redis.call('HMGET', p .. ':n', 'receipts', 'bytes', 'incomplete')
  local oldest = ''
  for _, kind in ipairs({'i', 'c'}) do
    local first = redis.call('ZRANGE', p .. ':o:' .. kind, 0, 0, 'WITHSCORES')[2]
    if first and (oldest == '' or tonumber(first) < tonumber(oldest)) then oldest = first end
  end
  return {n[1] or '0', n[2] or '0', n[3] or '0', oldest}
end

-- Whether these can be added to, and the queues have their type.
local function counts_are_sound()
  local n = held()
  for i = 1, 3 do
    if not string.match(n[i], '^%-?%d+$') then return false end
  end
  return true
end
