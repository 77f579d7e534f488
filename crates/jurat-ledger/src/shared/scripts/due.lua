-- p, time before which an exchange must have ended to be outlived, bound, ceiling and floor of the incomplete,
-- slack, bytes beside a row, most to take.
-- Answers with what is held, with the records that must go (kind, id, row), and why: 'age' or 'room'.
local before, bound, ceiling, floor = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local slack, overhead, most = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local n = held()
local bytes, incomplete = tonumber(n[2]), tonumber(n[3])
local due, why = {}, 'age'

local function take(kind, ids, need)
  for _, id in ipairs(ids) do
    if need <= 0 then break end
    local row = redis.call('GET', p .. ':r:' .. id)
    due[#due + 1] = {kind, id, row}
    need = need - (row and #row or 0) - overhead
  end
end

for _, kind in ipairs({'i', 'c'}) do
  local left = most - #due
  local ids = redis.call('ZRANGEBYSCORE', p .. ':o:' .. kind, '-inf', '(' .. before, 'LIMIT', 0, left)
  take(kind, ids, math.huge)
end
if #due == 0 then
  why = 'room'
  local kind, need = nil, 0
  if incomplete > ceiling then
    kind, need = 'i', incomplete - ceiling + slack / 4
  elseif bytes > bound then
    need = bytes - bound + slack
    if incomplete > floor then
      kind, need = 'i', math.min(need, incomplete - floor)
    elseif redis.call('ZCARD', p .. ':o:c') > 0 then
      kind = 'c'
    else
      kind = 'i'
    end
  end
  if kind then
    take(kind, redis.call('ZRANGE', p .. ':o:' .. kind, 0, most - 1), need)
  end
end
return {n, due, why}
